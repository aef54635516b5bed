"""Starting and ending a cluster.

Everything of it is in namespaces of its own: no address, firewall rule, mount or setting of this machine is
touched. What it has on this machine besides is its folder, empty control groups, and one port of loopback.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from engines.cluster import control_groups, credentials, machine
from engines.cluster.build import PAUSE, required, unpacked
from engines.cluster.installing import bring_in, install_dapr, lay_out, wait_for_api, wait_for_node
from engines.cluster.kubectl import Cluster
from engines.cluster.layout import RUNS, Process, Record, Run
from engines.cluster.product import being_built
from engines.cluster.programs import last_lines, locked
from engines.cluster.unpacking import link
from engines.kubernetes import build as kubernetes
from engines.problem import EngineProblem

Say = Callable[[str], None]
NAMESPACES = ("--mount", "--net", "--pid", "--ipc", "--uts", "--fork", "--kill-child", "--mount-proc")
END_LIMIT = 20.0


def find(run: Run) -> Cluster | None:
    """The cluster of that name, if it runs."""
    record = Record.read(run.record)
    return Cluster(run, record) if record is not None and record.process.lives else None


def up(root: Path, run: Run, say: Say, *, port: int = 0, lasts: bool = True, product: bool = True) -> Cluster:
    """Start a cluster with Dapr and return it once all is ready. Its API is on `port` of loopback, 0 is any.

    With `lasts` it goes on when this process ends, without it it ends too. With `product` it has the images
    of the to-do system, which are built meanwhile where that is needed. What killed ones have left behind
    is removed first. Raises EngineProblem.
    """
    missing = machine.what_is_missing()
    if missing:
        raise EngineProblem(missing)
    home = required(root)
    with being_built(root, say) if product else nullcontext() as images:
        with locked(root / RUNS / "lock"):
            sweep(root, say)
            if find(run) is not None:
                raise EngineProblem(f"the cluster {run.name} runs already")
            cluster = _start(root, run, unpacked(home), port, lasts)
        try:
            wait_for_api(cluster, say)
            lay_out(cluster)
            wait_for_node(cluster, say)
            install_dapr(cluster, home, say)
            if images is not None:
                bring_in(cluster, images.result(), say)
        except BaseException:
            down(run)
            raise
    return cluster


@contextmanager
def running(root: Path, name: str, say: Say, *, product: bool = True) -> Iterator[Cluster]:
    """A cluster as `up` starts it, which ends with the block, and with this process if that is killed."""
    cluster = up(root, Run.named(root, name), say, lasts=False, product=product)
    try:
        yield cluster
    finally:
        down(cluster.run)
        if cluster.started is not None:
            cluster.started.wait()


def down(run: Run) -> bool:
    """End the cluster and remove what it had on this machine; whether there was any. Raises EngineProblem."""
    cluster, was_there = find(run), run.folder.exists()
    if cluster is not None:
        _end(cluster.record.process)
    control_groups.remove(run.cgroup)
    if was_there:
        shutil.rmtree(run.folder)
    return was_there


def all_runs(root: Path) -> list[Run]:
    """The clusters of the clone, whether they run or have been killed."""
    folder = (root / RUNS).resolve()
    return [Run(each) for each in sorted(folder.iterdir()) if each.is_dir()] if folder.is_dir() else []


def sweep(root: Path, say: Say) -> None:
    """Remove what clusters have left behind that were killed."""
    for run in all_runs(root):
        if find(run) is None:
            say(f"removing what the cluster {run.name} left behind")
            down(run)


def _start(root: Path, run: Run, images: Path, port: int, lasts: bool) -> Cluster:
    """Start the processes of a cluster."""
    program = kubernetes.built(root)
    assert program is not None
    for folder in (run.folder, run.logs):
        folder.mkdir(parents=True)
    with _listener(port) as listener:
        found = listener.getsockname()[1]
        credentials.make(run, found)
        link(images, run.folder / "containerd")
        control_groups.make(run.cgroup)
        started = _enter(root, run, kubernetes.program(program), listener, lasts)
    process = Process.of(started.pid)
    if process is None:
        raise EngineProblem("\n".join(["the cluster ended at once:", *last_lines(run.logs / "inside.log")]))
    record = Record(process, found, str(kubernetes.program(program)))
    record.write(run.record)
    return Cluster(run, record, started)


def _enter(
    root: Path, run: Run, program: Path, listener: socket.socket, lasts: bool
) -> subprocess.Popen[bytes]:
    """Start the first process in new namespaces; the one outside that ends them when it is killed."""
    own = [str(run.folder), str(program), PAUSE, str(listener.fileno())]
    kept = [listener.fileno()]
    if not lasts:  # the end of the pipe that stays here is never closed, but by the end of this process
        owner, _ = os.pipe()
        own, kept = [*own, str(owner)], [*kept, owner]
    command = ["unshare", *NAMESPACES, sys.executable, "-u", "-m", "engines.cluster.inside", *own]
    with (run.logs / "inside.log").open("ab") as log:
        started = subprocess.Popen(
            command,
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            pass_fds=kept,
        )
    if not lasts:
        os.close(owner)
    return started


@contextmanager
def _listener(port: int) -> Iterator[socket.socket]:
    """A socket that listens on `port` of loopback; so no other program can come before."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            made.bind(("127.0.0.1", port))
        except OSError as error:
            raise EngineProblem(f"port {port} is taken; choose another one, or none") from error
        made.listen(128)
        yield made


def _end(process: Process) -> None:
    """Kill the process, and so all of its namespaces. Raises EngineProblem."""
    os.kill(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + END_LIMIT
    while process.lives:
        if time.monotonic() > deadline:
            raise EngineProblem(f"process {process.pid} does not end")
        time.sleep(0.05)
