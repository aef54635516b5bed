"""daprd's own integration suite: run for any sidecar, and its results as values."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

GROUPS = (
    "^daprd/((httpserver|outbox|pubsub|routes|secret|state|shutdown/(api|block/app|graceful)|tracing/serviceinvocation|"
    "resiliency/(daprd|publish|subscriptions)|resources/namespace|"
    "subscriptions/(programmatic|declarative/selfhosted|mixed|stream)|resiliency/apps/retry|"
    "serviceinvocation/(grpc/(dapr|app)apitoken|http/(appapitoken|streaming))|hotreload/selfhosted/(namespace|pubsub|subscriptions))/|"
    "hotreload/selfhosted/(configuration|disabled|httpendpoint|ignoreerrors|resiliency(rename)?|"
    "scopes(/components)?|secret|state)$|"
    "(metadata/metadata|tracing/baggage/(grpcBaggage|httpBaggage|invoke)|middleware/http/(app/)?missing|resources/(uniquename|versionv2)|"
    "resiliency/apps/(default(circuitbreaker|retry|timeout)|retrymatching(grpc|http))|"
    "serviceinvocation/http/(basic|contentlength|fuzzhttp|hopbyhop|httpendpoints|redirect|sse|ssepanic|sserelay|"
    "reservedchars/pathcorrectness)|serviceinvocation/grpc/(basic|basicproxy|connpool|contentlength|fuzzgrpc|"
    "slowappstartup|reservedchars/pathcorrectness))$)"
)
"""The groups of cases that sidecars are put to, as a regular expression of Go."""
OTHERS = (
    "PLACEMENT",
    "SENTRY",
    "OPERATOR",
    "INJECTOR",
    "SCHEDULER",
    "HELMTEMPLATE",
    "MCPSTDIOSERVER",
    "CONTROLLERGEN",
)
"""The other programs that the suite would build if it were not told of them; no case of the groups asks."""
ALONE = "alone"
"""As a reason: the case passes where nothing else goes on."""
RESULT = re.compile(r"^    --- (PASS|FAIL|SKIP): Test_Integration/(daprd/\S+) \(", re.MULTILINE)


RACE: Final = b"panic: Fail in goroutine after"
"""What Go says when a case still looks on (`assert.Never`) at a sidecar that the case has ended already."""


@dataclass(frozen=True)
class Suite:
    """The suite's executable, and the folder that it works in: logs, and nothing else, are left there."""

    executable: Path
    folder: Path

    def run(self, sidecar: Path, focus: str, parallel: int, seconds: float) -> dict[str, bool]:
        """Which cases passed, of those whose names `focus` matches: name → passed.

        `sidecar` is an executable that takes daprd's flags. Raises AssertionError with the end of the log if
        the suite does not come to an end within `seconds`: its results are printed at the very end. Where it
        ends itself by a race of its own, it is run once more.
        """
        log = self.folder / f"{sidecar.stem}-{parallel}.log"
        in_time = self._run(log, sidecar, focus, parallel, seconds)
        if RACE in log.read_bytes():
            in_time = self._run(log, sidecar, focus, parallel, seconds)
        text = log.read_text(encoding="utf-8", errors="replace")
        results = read_results(text)
        assert in_time and results, (
            f"the suite did not end in {seconds} s, see {log}; its end:\n{text[-3000:]}"
        )
        return results

    def _run(self, log: Path, sidecar: Path, focus: str, parallel: int, seconds: float) -> bool:
        """Whether it ended in time."""
        command = [str(self.executable), "-test.v", f"-test.parallel={parallel}", f"-focus={focus}"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                cwd=self.folder,
                env=environment(os.environ, sidecar),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            return _wait(process, seconds)


def _wait(process: subprocess.Popen[bytes], seconds: float) -> bool:
    """Whether the process ended in time; if not, it and the sidecars that it started are ended."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return False
    return True


def environment(base: Mapping[str, str], sidecar: Path) -> dict[str, str]:
    """`base` with what the suite wants to know, and without what would reach the sidecars."""
    own = {f"DAPR_INTEGRATION_{name}_PATH": sys.executable for name in OTHERS}
    kept = {name: value for name, value in base.items() if not name.startswith(("DAPR_", "APP_API_TOKEN"))}
    return {**kept, **own, "DAPR_INTEGRATION_DAPRD_PATH": str(sidecar)}


def our_sidecar(folder: Path) -> Path:
    """An executable in `folder` that is `outboard sidecar` of this Python.

    Some cases start it with an environment of their own, so it relies on none: `folder` is the home of all,
    where they find each other.
    """
    script = folder / "outboard-sidecar"
    command = shlex.join([sys.executable, "-m", "outboard", "sidecar"])
    home = shlex.quote(str(folder))
    script.write_text(f'#!/bin/sh\nexport HOME={home}\nexec {command} "$@"\n', encoding="utf-8")
    script.chmod(0o755)
    return script


def read_results(log: str) -> dict[str, bool]:
    """Case name, as `daprd/state/http/ttl` → whether it passed; what was skipped is left out."""
    return {name: result == "PASS" for result, name in RESULT.findall(log) if result != "SKIP"}


def focus_on(names: Iterable[str]) -> str:
    """The regular expression that matches exactly these cases."""
    return f"^({'|'.join(re.escape(name) for name in sorted(names))})$"


@dataclass(frozen=True)
class Expected:
    """The list of cases that is kept: those that have to pass, and the others with the reason why not.

    Those that are `alone` have to pass where nothing else goes on.
    """

    passing: frozenset[str]
    failing: Mapping[str, str]
    alone: frozenset[str] = frozenset()

    @classmethod
    def of(cls, lines: Sequence[str]) -> Expected:
        """From lines of a case name, followed by a reason where it fails; `#` begins a comment."""
        entries = [line.split() for line in lines if line.strip() and not line.startswith("#")]
        reasons = {entry[0]: " ".join(entry[1:]) for entry in entries}
        assert len(reasons) == len(entries), "a case is listed twice"
        passing = frozenset(name for name, reason in reasons.items() if not reason)
        alone = frozenset(name for name, reason in reasons.items() if reason == ALONE)
        failing = {name: reason for name, reason in reasons.items() if reason and name not in alone}
        return cls(passing, failing, alone)

    @property
    def names(self) -> set[str]:
        return {*self.passing, *self.failing, *self.alone}
