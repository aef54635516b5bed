"""A cluster that runs, as its kubectl sees it."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from engines.cluster.layout import Record, Run
from engines.problem import EngineProblem


@dataclass(frozen=True)
class Cluster:
    """A cluster that runs."""

    run: Run
    record: Record
    started: subprocess.Popen[bytes] | None = None
    """Its first process, where it is a child of this one."""

    @property
    def kubeconfig(self) -> Path:
        """For KUBECONFIG and `--kubeconfig`."""
        return self.run.kubeconfig

    def command(self, *arguments: str) -> list[str]:
        """The command line of `kubectl` for this cluster."""
        own = [f"--kubeconfig={self.kubeconfig}", f"--cache-dir={self.run.folder / 'kubectl-cache'}"]
        return [self.record.program, "kubectl", *own, *arguments]

    def try_kubectl(self, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """`kubectl` to its end, `given` on its standard input, whether it succeeds or not."""
        command = self.command(*arguments)
        return subprocess.run(command, input=given, capture_output=True, encoding="utf-8", check=False)

    def kubectl(self, *arguments: str, given: str = "") -> str:
        """What `kubectl` prints; it must succeed. Raises EngineProblem."""
        done = self.try_kubectl(*arguments, given=given)
        if done.returncode != 0:
            raise EngineProblem(f"`kubectl {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def inside(self, *command: str) -> list[str]:
        """The command line that runs `command` in the namespaces, where its processes have other numbers and
        only those of the cluster are seen: to look at it, or to kill one."""
        pid = self.record.process.pid
        first = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="utf-8").split()[0]
        return ["nsenter", "-t", first, "-m", "-n", "-p", "-u", "-i", "--", *command]
