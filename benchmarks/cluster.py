"""The to-do system on a real cluster under load: rate, latency, and what its containers take.

    python3 dev.py engines
    python benchmarks/cluster.py [--events 20000] [--clients 20] [--replicas 2] [--at-once N] [--kill]
    python benchmarks/cluster.py --laptop

    clients → backend (SQLite, outbox) → daprd → Kafka → daprd → notification (PostgreSQL, inbox)

The manifests are those of `deploy/kubernetes`, but for the database of the notification service: a volume
with SQLite has room for one pod, so that it is PostgreSQL here, beside the pods, and there are several of it.
`--at-once` is the annotation dapr.io/app-max-concurrency. `--kill` ends service and sidecar of one replica by
SIGKILL when a third of the events are applied. `--laptop` is the same by `outboard run`, with Outboard's own
sidecars, and Kafka and Redis from elsewhere; it starts nothing of a cluster.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil
from measuring import HERE, MIB, SERVICES, ask, free_port, print_table, process, wait_until
from todo_ledger import Ledger, postgresql

from engines.cluster.kubectl import Cluster
from engines.cluster.layout import NODE_ADDRESS, Run
from engines.cluster.machine import CGROUPS
from engines.cluster.running import running

ROOT: Final = HERE.parent
MANIFESTS: Final = ROOT / "deploy" / "kubernetes"
TODO: Final = "todo-chatbot"
NAME: Final = "benchmark"
EVERY: Final = 0.5
"""Seconds between two looks at what is taken."""
IDLE: Final = 15.0
"""Seconds of doing nothing, to see what that costs."""
Reading = tuple[float, float, float]
"""CPU seconds so far; memory that counts for the limit, and what of it is the processes' own, in bytes."""


@dataclass
class Taken:
    """What one container, or one process, has taken while it was looked at."""

    name: str
    read: Callable[[], Reading]
    began: float = 0.0
    last: float = 0.0
    busiest: float = 0.0
    memory: float = 0.0
    own: float = 0.0

    def begin(self) -> None:
        self.began = self.last = self.read()[0]
        self.busiest = self.memory = self.own = 0.0

    def look(self, seconds: float) -> None:
        try:
            cpu, memory, own = self.read()
        except FileNotFoundError:  # it was killed: what it has taken until then counts
            return
        self.busiest = max(self.busiest, (cpu - self.last) / seconds)
        self.last, self.memory, self.own = cpu, max(self.memory, memory), max(self.own, own)


@dataclass
class Watch:
    """All that is looked at, in a thread of its own."""

    taken: list[Taken]
    stop: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def looking(self) -> Iterator[None]:
        self.stop.clear()
        for each in self.taken:
            each.begin()
        thread = threading.Thread(target=self._look)
        thread.start()
        try:
            yield
        finally:
            self.stop.set()
            thread.join()

    def _look(self) -> None:
        before = time.monotonic()
        while not self.stop.wait(EVERY):
            now = time.monotonic()
            for each in self.taken:
                each.look(now - before)
            before = now


def containers(cluster: Cluster, namespace: str) -> list[Taken]:
    """The containers of all pods of a namespace."""
    listed = json.loads(cluster.kubectl("get", "pods", "-n", namespace, "-o", "json"))["items"]
    return [
        Taken(
            f"{pod['metadata']['name'][-5:]} {status['name']}", group_reader(cluster, status["containerID"])
        )
        for pod in listed
        for status in pod["status"]["containerStatuses"]
    ]


def group_reader(cluster: Cluster, container_id: str) -> Callable[[], Reading]:
    """What the control groups (version 1) of a container say."""
    name = container_id.removeprefix("containerd://")
    memory, cpu = (next((CGROUPS / each / cluster.run.cgroup).rglob(name)) for each in ("memory", "cpuacct"))

    def read() -> Reading:
        lines = (memory / "memory.stat").read_text(encoding="utf-8").splitlines()
        stat = {key: int(value) for key, value in (line.split() for line in lines)}
        used = int((memory / "memory.usage_in_bytes").read_text(encoding="utf-8"))
        seconds = int((cpu / "cpuacct.usage").read_text(encoding="utf-8")) / 1e9
        return seconds, used - stat["total_inactive_file"], stat["total_rss"]

    return read


def kill_one(cluster: Cluster, ledger: Ledger, events: int) -> None:
    """End one replica of the notification service once a third of the events are applied."""
    while ledger.applied() < events // 3:
        time.sleep(EVERY)
    pods = json.loads(cluster.kubectl("get", "pods", "-n", TODO, "-l", "app=notification", "-o", "json"))
    for status in pods["items"][0]["status"]["containerStatuses"]:
        name = status["containerID"].removeprefix("containerd://")
        group = next((CGROUPS / "memory" / cluster.run.cgroup).rglob(name))
        for pid in (group / "cgroup.procs").read_text(encoding="utf-8").split():
            os.kill(int(pid), signal.SIGKILL)
    print(f"killed: {pods['items'][0]['metadata']['name']}, both containers")


def process_reader(found: psutil.Process) -> Callable[[], Reading]:
    def read() -> Reading:
        times, memory = found.cpu_times(), found.memory_info().rss
        return times.user + times.system, memory, memory

    return read


def set_up(cluster: Cluster, replicas: int, at_once: int) -> None:
    """The to-do system, with a notification service on PostgreSQL."""
    files = sorted(MANIFESTS.glob("*.yaml"))
    for each in files:
        if each.name < "30":
            cluster.kubectl("apply", "-f", str(each))
    for namespace, workload in (("kafka", "statefulset/kafka-broker"), (TODO, "statefulset/redis")):
        cluster.kubectl("rollout", "status", "-n", namespace, workload, "--timeout=300s")
    for each in files:
        if each.name >= "30":
            cluster.kubectl("apply", "-f", str(each))
    url = f"DATABASE_URL=postgresql://outboard@{NODE_ADDRESS}/postgres"
    cluster.kubectl("set", "env", "-n", TODO, "deployment/notification", url)
    limit = (
        {"dapr.io/app-max-concurrency": str(at_once)} if at_once else {"dapr.io/app-max-concurrency": None}
    )
    template = {"metadata": {"annotations": limit}}
    patch = json.dumps({"spec": {"replicas": replicas, "template": template}})
    cluster.kubectl("patch", "-n", TODO, "deployment/notification", "-p", patch)
    for app in ("backend", "notification"):
        cluster.kubectl("rollout", "status", "-n", TODO, f"deployment/{app}", "--timeout=300s")


def client_pod(cluster: Cluster, clients: int, tasks: int) -> dict[str, float]:
    """Run the clients in a pod of their own, to their end; what they tell."""
    program = (SERVICES / "todo_client.py").read_text(encoding="utf-8")
    command = ["python", "-c", program, "backend", "80", str(clients), str(tasks)]
    container = {"name": "clients", "image": "todo-backend:0.1.0", "command": command}
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "clients", "namespace": TODO},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    cluster.kubectl("delete", "pod", "-n", TODO, "clients", "--ignore-not-found")
    cluster.kubectl("apply", "-f", "-", given=json.dumps(pod))

    def ended() -> bool:
        time.sleep(EVERY)
        phase = cluster.kubectl("get", "pod", "-n", TODO, "clients", "-o", "jsonpath={.status.phase}")
        return phase in ("Succeeded", "Failed")

    wait_until("the clients", ended, 1800)
    said = cluster.kubectl("logs", "-n", TODO, "clients")
    if not said.startswith("{"):
        raise SystemExit(f"the clients came to no end: {said}")
    cluster.kubectl("delete", "pod", "-n", TODO, "clients")
    told: dict[str, float] = json.loads(said)
    return told


def round_of(
    title: str, watch: Watch, ledger: Ledger, publish: Callable[[], dict[str, float]], events: int
) -> None:
    """One round, and what it says."""

    def all_applied() -> bool:
        time.sleep(EVERY)
        return ledger.applied() >= events

    with watch.looking():
        time.sleep(IDLE)
    idle = {each.name: ((each.last - each.began) / IDLE, each.memory) for each in watch.taken}
    ledger.begin()
    with watch.looking():
        published = publish()
        wait_until("the events", all_applied, 1800)
    found = ledger.tell()
    seconds = found["ended"] - published["started"]
    print(f"\n{title}: {found['events']:,.0f} events, {found['twice']:.0f} of them applied twice")
    print(f"published at {events / (published['ended'] - published['started']):,.0f} events/s, ", end="")
    print(f"requests p50 {published['p50'] * 1e3:.0f} ms, p99 {published['p99'] * 1e3:.0f} ms, ", end="")
    print(f"{published['failed']:.0f} of them failed and were made again")
    print(f"applied at {events / seconds:,.0f} events/s, from change to row ", end="")
    print(f"p50 {found['p50'] * 1e3:,.0f} ms, p99 {found['p99'] * 1e3:,.0f} ms")
    rows = {
        each.name: {
            "idle mCPU": idle[each.name][0] * 1e3,
            "mCPU": (each.last - each.began) / seconds * 1e3,
            "busiest mCPU": each.busiest * 1e3,
            "µs an event": (each.last - each.began) / events * 1e6,
            "idle MiB": idle[each.name][1] / MIB,
            "most MiB": each.memory / MIB,
            "its own MiB": each.own / MIB,
        }
        for each in watch.taken
    }
    print_table(f"{title}: what each took", rows)


def tell_restarts(cluster: Cluster) -> None:
    """Containers that were started again, and why: one that is too small, or too busy for its probes."""
    for pod in json.loads(cluster.kubectl("get", "pods", "-A", "-o", "json"))["items"]:
        for status in pod["status"]["containerStatuses"]:
            if status["restartCount"]:
                ended = status["lastState"].get("terminated", {})
                print(
                    f"{pod['metadata']['name']} {status['name']} was started again: {ended.get('reason')}, ",
                    end="",
                )
                print(f"exit code {ended.get('exitCode')}")


def on_cluster(arguments: argparse.Namespace) -> None:
    def say(line: str) -> None:
        print(line, file=sys.stderr)

    run = Run.named(ROOT, NAME)
    with ExitStack() as stack:
        cluster = stack.enter_context(running(ROOT, NAME, say))
        place = run.folder / "postgresql"
        ledger = stack.enter_context(postgresql(ROOT, place, cluster.inside(), NODE_ADDRESS))
        tasks = arguments.events // 2 // arguments.clients
        events = tasks * 2 * arguments.clients

        def publish() -> dict[str, float]:
            if arguments.kill:
                threading.Thread(target=kill_one, args=(cluster, ledger, events)).start()
            return client_pod(cluster, arguments.clients, tasks)

        for at_once in arguments.at_once:
            set_up(cluster, arguments.replicas, at_once)
            watch = Watch([*containers(cluster, TODO), *containers(cluster, "kafka")])
            title = f"cluster, {arguments.replicas} replica(s), at once: {at_once or 'any'}"
            round_of(title, watch, ledger, publish, events)
            tell_restarts(cluster)


def on_laptop(arguments: argparse.Namespace) -> None:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(ignore_cleanup_errors=True)))
        folder.chmod(0o755)
        ledger = stack.enter_context(postgresql(ROOT, folder / "postgresql", [], "127.0.0.1"))
        environment = {**os.environ, "REDIS_HOST": arguments.redis, "REDIS_PASSWORD": ""}
        environment |= {"KAFKA_BROKERS": arguments.kafka, "HOME": str(folder)}
        components = ROOT / "examples" / "todo" / "components" / "kafka-redis"
        run_file = folder / "dapr.yaml"
        port = free_port()
        run_file.write_text(laptop_run_file(folder, port), encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "outboard",
            "run",
            "-f",
            str(run_file),
            "--resources",
            str(components),
        ]
        running_system = stack.enter_context(process(command, environment, folder))
        wait_until("the system", lambda: ask(f"http://127.0.0.1:{port}/tasks")[0] == 200)
        time.sleep(5)
        watch = Watch(list(processes_of(running_system.pid)))
        tasks = arguments.events // 2 // arguments.clients

        def publish() -> dict[str, float]:
            words = ["127.0.0.1", str(port), str(arguments.clients), str(tasks)]
            done = subprocess.run(
                [sys.executable, str(SERVICES / "todo_client.py"), *words], stdout=subprocess.PIPE, check=True
            )
            told: dict[str, float] = json.loads(done.stdout)
            return told

        round_of("laptop", watch, ledger, publish, tasks * 2 * arguments.clients)


def laptop_run_file(folder: Path, port: int) -> str:
    """Both apps, as in the example's own file, with their databases where a round has them."""
    todo = ROOT / "examples" / "todo"
    databases = {
        "backend": f"sqlite:///{folder / 'todo.db'}",
        "notification": "postgresql://outboard@127.0.0.1/postgres",
    }
    apps: list[dict[str, Any]] = [
        {
            "appID": app,
            "appDirPath": str(todo),
            "appPort": port if app == "backend" else free_port(),
            "command": ["python", "-m", app],
            "env": {
                "DATABASE_URL": url,
                "DAPR_PUBSUB_NAME": "kafka-pubsub",
                "DAPR_STATE_STORE_NAME": "statestore",
            },
        }
        for app, url in databases.items()
    ]
    return json.dumps({"version": 1, "apps": apps})


def processes_of(pid: int) -> Iterator[Taken]:
    """The apps of a run, and the run itself, which has the sidecars in its own process."""
    run = psutil.Process(pid)
    yield Taken("run, both sidecars", process_reader(run))
    for each in run.children(recursive=True):
        words = each.cmdline()
        if words[-1:] in (["backend"], ["notification"]):
            yield Taken(words[-1], process_reader(each))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--clients", type=int, default=20)
    parser.add_argument("--replicas", type=int, default=2, help="of the notification service")
    parser.add_argument("--at-once", type=int, nargs="*", default=[0], help="0: any number; a round for each")
    parser.add_argument("--kill", action="store_true", help="one replica, halfway")
    parser.add_argument("--laptop", action="store_true", help="by `outboard run` instead")
    parser.add_argument("--kafka", default="localhost:9092", help="for --laptop")
    parser.add_argument("--redis", default="localhost:6379", help="for --laptop")
    arguments = parser.parse_args()
    (on_laptop if arguments.laptop else on_cluster)(arguments)


if __name__ == "__main__":
    main()
