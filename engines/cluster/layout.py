"""Where a cluster that runs has its things, and the addresses in it. Pure, but for reading its own record."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

NODE = "node-1"
NODE_ADDRESS = "10.89.0.1"
PODS = "10.88.0.0/16"
SERVICES = "10.96.0.0/16"
API_SERVICE = "10.96.0.1"
"""The first address of SERVICES, which Kubernetes gives to its own API."""
API_PORT = 6443
DOMAIN = "cluster.local"
USERS = {
    "admin": ("admin", "system:masters"),
    "manager": ("system:kube-controller-manager", ""),
    "scheduler": ("system:kube-scheduler", ""),
    "proxy": ("system:kube-proxy", ""),
    "dns": ("system:coredns", ""),
    "kubelet": (f"system:node:{NODE}", "system:nodes"),
}
"""Who may call the API server: the name of a kubeconfig → user and group."""
RUNS = Path(".engines", "cluster-runs")


@dataclass(frozen=True)
class Run:
    """One cluster: the files of a run, all below `folder`, and the names that it has on this machine."""

    folder: Path

    @classmethod
    def named(cls, root: Path, name: str) -> Run:
        """The cluster `name` of the clone at `root`, whether it runs or not."""
        return cls((root / RUNS).resolve() / name)

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.folder.name

    @property
    def cgroup(self) -> str:
        """Its group in each hierarchy of control groups, which other clones have too."""
        return f"outboard-{self.name}-{hashlib.sha256(bytes(self.folder)).hexdigest()[:6]}"

    @property
    def kubeconfig(self) -> Path:
        """For `kubectl` of this machine."""
        return self.folder / "kubeconfig"

    @property
    def record(self) -> Path:
        """What says that it runs."""
        return self.folder / "run.json"

    @property
    def logs(self) -> Path:
        """A log for each of its parts."""
        return self.folder / "log"

    @property
    def keys(self) -> Path:
        """Keys, certificates and tokens."""
        return self.folder / "pki"

    @property
    def volumes(self) -> Path:
        """The disks of the pods' volumes."""
        return self.folder / "volumes"

    def kubeconfig_of(self, user: str) -> Path:
        """For the part `user` of USERS, from inside the namespaces."""
        return self.folder / f"{user}.kubeconfig"


@dataclass(frozen=True)
class Process:
    """A process of this machine, known by its start too: its number may be another process's later."""

    pid: int
    started: str
    """As in field 22 of /proc/PID/stat, in clock ticks since the machine came up."""

    @classmethod
    def of(cls, pid: int) -> Process | None:
        """The process `pid`, if it lives; one that only waits to be reaped does not."""
        try:
            stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8")
        except OSError:
            return None
        state, *rest = stat.rpartition(")")[2].split()
        return None if state == "Z" else cls(pid, rest[18])

    @property
    def lives(self) -> bool:
        """Whether it is still there."""
        return Process.of(self.pid) == self


@dataclass(frozen=True)
class Record:
    """What is written about a cluster when it starts."""

    process: Process
    port: int
    """Of the API server, on 127.0.0.1."""
    program: str
    """The program that is kubectl too."""

    def write(self, file: Path) -> None:
        """Write it, at once."""
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")
        fresh.replace(file)

    @classmethod
    def read(cls, file: Path) -> Record | None:
        """The record in `file`, or None where there is none: it is written in one go."""
        if not file.is_file():
            return None
        content = json.loads(file.read_text(encoding="utf-8"))
        return cls(Process(**content["process"]), content["port"], content["program"])
