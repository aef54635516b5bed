"""The first process of a cluster's namespaces: it lays them out, starts the parts, and restarts what ends.

    python3 -m engines.cluster.inside RUN_FOLDER PROGRAM PAUSE_IMAGE LISTENER [OWNER]

LISTENER is the descriptor of the socket that the API is reached at from this machine. With OWNER, the read
end of a pipe, the cluster ends when nobody holds the other end any more. When this process ends, the kernel
ends all others in its namespaces, and what was mounted and configured in them is gone.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engines.cluster import settings
from engines.cluster.layout import API_PORT, NODE, NODE_ADDRESS, Run
from engines.cluster.unpacking import snapshots_in

PATIENCE = 60.0
"""Seconds that containerd and the API server may take to listen, on a machine that does other things."""
PAUSE_BEFORE_RESTART = 1.0
NAME_SERVERS = Path("/etc/resolv.conf")
"""Of this machine. It may lie below /run, which the cluster has for itself: then there is none."""
MACHINE_WIDE: Mapping[str, str] = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
"""What the kubelet sets for the whole machine, or does not start. It is given files of ours to set."""


def lay_out_mounts(run: Run) -> None:
    """What is written below /run, /var/lib and /var/log lands in the folder of the run."""
    _do("mount", "--make-rprivate", "/")
    _do("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/lock").mkdir()  # iptables
    if NAME_SERVERS.exists():  # nothing leads out: who asks for a name of elsewhere is refused at once
        own = run.folder / "resolv.conf"
        own.write_text("nameserver 127.0.0.1\n", encoding="utf-8")
        _do("mount", "--bind", str(own), str(NAME_SERVERS))
    for place in ("lib", "log"):
        own = run.folder / f"var-{place}"
        own.mkdir()
        _do("mount", "--bind", str(own), f"/var/{place}")
    lay_out_snapshots(snapshots_in(run.folder / "containerd"), run.folder / "snapshots")
    _do("mount", "--make-rshared", "/")  # the kubelet passes mounts on to containers
    for name, value in MACHINE_WIDE.items():
        own = run.folder / f"sysctl-{name.replace('/', '-')}"
        own.write_text(f"{value}\n", encoding="utf-8")
        _do("mount", "--bind", str(own), f"/proc/sys/{name}")


def lay_out_snapshots(folder: Path, images: Path) -> None:
    """What containerd unpacks and what containers write is in memory, beside the images that it has from the
    start, which are seen through the folder `images`. On a disk that is told of each file that goes, the
    removal of an image's ten thousand files would take twenty seconds."""
    there = sorted(each.name for each in folder.iterdir())
    images.mkdir()
    _do("mount", "--bind", str(folder), str(images))
    _do("mount", "-t", "tmpfs", "tmpfs", str(folder))
    for each in there:
        (folder / each).mkdir()
        _do("mount", "--bind", str(images / each), str(folder / each))


def lay_out_network() -> None:
    """A bridge without ports carries the node's address, and all that is not in the cluster ends there.

    Without a route to everywhere the node could not reach addresses of services, which are no one's.
    """
    socket.sethostname(NODE)
    _do("ip", "link", "set", "lo", "up")
    _do("ip", "link", "add", "node0", "type", "bridge")
    _do("ip", "addr", "add", f"{NODE_ADDRESS}/24", "dev", "node0")
    _do("ip", "link", "set", "node0", "up")
    _do("ip", "route", "add", "default", "dev", "node0")
    _do("sysctl", "-qw", "net.ipv4.ip_forward=1")
    # or answers from pod to pod, which stay on one bridge, are not translated back to the service's address
    _do("sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=1")


def write_settings(run: Run, pause: str) -> Path:
    """Write the files of settings; the folder that they are in."""
    files = run.folder / "settings"
    files.mkdir()
    cni = run.folder / "cni"
    cni.mkdir()
    (cni / "10-pods.conflist").write_text(settings.pod_network(run), encoding="utf-8")
    nowhere = files / "resolv.conf"
    nowhere.touch()
    for name, content in {
        "containerd.toml": settings.containerd(run, pause),
        "kubelet.json": settings.kubelet(run, nowhere),
        "proxy.json": settings.proxy(run),
        "Corefile": settings.core_dns(run),
    }.items():
        (files / name).write_text(content, encoding="utf-8")
    return files


class Parts:
    """The parts as processes. One that ends is started again, as a node's own init would do."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._commands: dict[str, Callable[[], subprocess.Popen[bytes]]] = {}
        self._running: dict[int, str] = {}

    def start(self, name: str, command: Sequence[str], descriptors: Sequence[int] = ()) -> None:
        """Start the part `name`, its output in a log of that name; it keeps the open `descriptors`."""

        def begin() -> subprocess.Popen[bytes]:
            with (self._logs / f"{name}.log").open("ab") as log:
                return subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    pass_fds=tuple(descriptors),
                )

        self._commands[name] = begin
        self._running[begin().pid] = name

    def watch(self) -> None:
        """Restart parts that end, for ever; what containers leave behind is reaped too."""
        while True:
            pid, status = os.wait()
            name = self._running.pop(pid, None)
            if name is None:
                continue
            print(f"{name} ended with {os.waitstatus_to_exitcode(status)}; starting it again", flush=True)
            time.sleep(PAUSE_BEFORE_RESTART)
            self._running[self._commands[name]().pid] = name


def wait_until(can: Callable[[], bool], what: str) -> None:
    """Return once `can`; ends the process after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not can():
        if time.monotonic() > deadline:
            sys.exit(f"{what} does not answer; see its log")
        time.sleep(0.05)


def listens(address: tuple[str, int] | str) -> bool:
    """Whether somebody takes connections there, at host and port or at the path of a Unix socket."""
    family = socket.AF_UNIX if isinstance(address, str) else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        return probe.connect_ex(address) == 0


def end_with(owner: int) -> None:
    """End this process, and with it the cluster, when the other end of the pipe `owner` is closed."""
    os.read(owner, 1)
    print("whoever started the cluster has ended, and so does it", flush=True)
    os._exit(0)


def _do(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def main(folder: str, program: str, pause: str, listener: str, owner: str = "") -> None:
    """Be the cluster."""
    if owner:
        threading.Thread(target=end_with, args=(int(owner),), daemon=True).start()
    run = Run(Path(folder))
    lay_out_mounts(run)
    lay_out_network()
    files = write_settings(run, pause)
    parts = Parts(run.logs)
    for name, command in settings.control_plane(run).items():
        parts.start(name, [program, *command])
    parts.start("containerd", ["containerd", "--config", str(files / "containerd.toml")])
    way_in = [sys.executable, "-m", "engines.cluster.way_in", listener]
    parts.start("way-in", way_in, [int(listener)])
    wait_until(lambda: listens(str(settings.CONTAINERD_SOCKET)), "containerd")
    wait_until(lambda: listens((NODE_ADDRESS, API_PORT)), "the API server")
    for name, command in settings.node(run, files).items():
        parts.start(name, [program, *command])
    parts.watch()


if __name__ == "__main__":
    main(*sys.argv[1:])
