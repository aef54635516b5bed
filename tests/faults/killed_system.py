"""A publisher and consumers with a sidecar each, over one log: processes that can be killed."""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from faults.sidecars import component
from support.processes import Program, eventually, free_ports, outboard, running

__all__ = ["Noted", "System", "system"]

HERE = Path(__file__).parent
Start = Callable[[], AbstractContextManager[Program]]


@dataclass
class Noted:
    """Lines `key number` that a program appends to a file, read as they come."""

    path: Path
    lines: list[tuple[int, int]] = field(default_factory=list)
    _read: int = 0

    def count(self) -> int:
        """How many there are by now."""
        if self.path.exists():
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole = file.read().rpartition(b"\n")[0]
            self._read += len(whole) + bool(whole)
            self.lines += [(int(key), int(number)) for key, number in map(bytes.split, whole.splitlines())]
        return len(self.lines)


class System:
    """`programs` by name; `acknowledged` and `received` are what publisher and consumer noted."""

    def __init__(
        self, starts: dict[str, Start], acknowledged: Path, received: Path, stack: ExitStack
    ) -> None:
        self._starts = starts
        self._stack = stack
        self.acknowledged = Noted(acknowledged)
        self.received = Noted(received)
        self.programs: dict[str, Program] = {}

    def start(self, name: str) -> None:
        self.programs[name] = self._stack.enter_context(self._starts[name]())

    def kill(self, name: str) -> None:
        """End it at once, as SIGKILL does."""
        self.programs[name].kill()

    def wait_for(self, acknowledged: int) -> None:
        """Return once so many events are acknowledged; it may take long, but not stand still."""
        while self.acknowledged.count() < acknowledged:
            before = len(self.acknowledged.lines)
            eventually(lambda: self.acknowledged.count() > before, self.told)  # noqa: B023

    def wait_for_all(self, events: int) -> None:
        """Return once so many events are acknowledged, and each was received."""
        self.wait_for(events)
        wanted = set(self.acknowledged.lines)
        while not (got := set(self.received.lines)) >= wanted:
            eventually(lambda: self.received.count() > len(got) and set(self.received.lines) > got, self.told)

    def told(self) -> str:
        """How far it has come, and what the programs said."""
        counts = f"{self.acknowledged.count()} acknowledged, {self.received.count()} received"
        return "\n".join([counts, *(program.output for program in self.programs.values())])

    def first_occurrences(self) -> dict[int, list[int]]:
        """The numbers of each key, in the order in which they first came."""
        found: dict[int, dict[int, None]] = defaultdict(dict)
        for key, number in self.received.lines:
            found[key].setdefault(number)
        return {key: list(numbers) for key, numbers in sorted(found.items())}


@contextmanager
def system(
    folder: Path,
    keys: int,
    numbers: int,
    consumers: Sequence[str] = ("consumer",),
    bulk: bool = False,
    **metadata: str,
) -> Iterator[System]:
    """A publisher and `consumers` of one group, each with its sidecar; `metadata` is that of the log.

    Of a program NAME the sidecar is called `NAME's sidecar`.
    """
    resources = folder / "resources"
    resources.mkdir()
    text = component(
        "pubsub", "pubsub.sqlite", connectionString=(folder / "events.db").as_posix(), **metadata
    )
    (resources / "pubsub.yaml").write_text(text, encoding="utf-8")
    acknowledged, received = folder / "acknowledged.txt", folder / "received.txt"
    ports = iter(free_ports(2 + 3 * len(consumers)))

    def program(script: str, *arguments: str, **variables: str) -> Start:
        command = [sys.executable, str(HERE / script), *arguments]
        return lambda: running(command, folder, **variables)

    def sidecar(app_id: str, port: int, *flags: str) -> Start:
        own = ["--app-id", app_id, "--dapr-http-port", str(port), "--dapr-grpc-port", str(next(ports))]
        command = outboard("sidecar", *own, *flags, "--resources-path", str(resources))
        return lambda: running(command, folder)

    starts: dict[str, Start] = {}
    for name in consumers:
        app_port, port = str(next(ports)), next(ports)
        variables = {"APP_PORT": app_port, "DAPR_HTTP_PORT": str(port), "RECEIVED": str(received)}
        variables |= {"BULK": "yes"} if bulk else {}
        starts[name] = program("killed_consumer.py", **variables)
        starts[f"{name}'s sidecar"] = sidecar("consumer", port, "--app-port", app_port)
    port = next(ports)
    starts["publisher's sidecar"] = sidecar("publisher", port)
    starts["publisher"] = program(
        "killed_publisher.py", str(acknowledged), str(keys), str(numbers), DAPR_HTTP_PORT=str(port)
    )
    with ExitStack() as stack:
        started = System(starts, acknowledged, received, stack)
        for name in starts:
            started.start(name)
        yield started
