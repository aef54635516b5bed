"""What `outboard engines up`, `down` and `status` do."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.engines import kafka, redis
from outboard.engines.detached import is_open, start, stop
from outboard.engines.instance import Instance, Instances
from outboard.engines.jars import Say
from outboard.engines.java import find_java
from outboard.errors import EngineUnavailable
from outboard.host.ports import Ports

__all__ = ["EngineState", "Machine", "bring_down", "bring_up", "state_of"]

KAFKA_JARS: Final = "kafka-4.3.1"


@dataclass(frozen=True, slots=True)
class Machine:
    """Where engines are started: `folder` keeps their data and what runs, `repository` is Maven's."""

    folder: Path
    environment: Mapping[str, str]
    ports: Ports
    repository: str
    say: Say

    @property
    def instances(self) -> Instances:
        return Instances(self.folder)

    def folder_of(self, name: str) -> Path:
        """Where the engine `name` has its data and its log."""
        return self.folder / name


@dataclass(frozen=True, slots=True)
class EngineState:
    """How it stands with the engine `name`.

    `instance` is there while it runs; `problem` says why it could not be started.
    """

    name: str
    instance: Instance | None = None
    problem: str = ""


def state_of(machine: Machine, name: str) -> EngineState:
    """Whether the engine `name`, started from here, runs."""
    return EngineState(name, machine.instances.find(name))


def bring_up(machine: Machine, name: str, port: int) -> EngineState:
    """Start the engine `name` on `port` unless it runs already. What prevents it is told in the state."""
    try:
        return EngineState(name, _up(machine, name, port))
    except EngineUnavailable as error:
        return EngineState(name, machine.instances.find(name), str(error))


def _up(machine: Machine, name: str, port: int) -> Instance:
    there = machine.instances.find(name)
    if there is not None:
        if there.port != port:
            advice = f"Stop it first: `outboard engines down {name}`."
            raise EngineUnavailable(name, f"it runs already, on port {there.port}", advice)
        return there
    _refuse_taken(machine.ports, name, port)
    folder = machine.folder_of(name)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it holds events and state
    instance = STARTERS[name](machine, port, folder)
    machine.instances.remember(instance)
    return instance


def _refuse_taken(ports: Ports, name: str, port: int) -> None:
    owner = ports.owner(port)
    if owner is not None:
        advice = (
            f"If that is the {name} you want, there is nothing to start: use localhost:{port}. Otherwise "
            f"stop that process, or choose another port with `--{name}-port`."
        )
        problem = f"port {port} is taken by {owner}, which `outboard engines` did not start"
        raise EngineUnavailable(name, problem, advice)


def _start_kafka(machine: Machine, port: int, folder: Path) -> Instance:
    java = find_java(machine.environment)
    found = kafka.find_distribution(machine.environment)
    distribution = found or kafka.own_jars(machine.folder / KAFKA_JARS, machine.repository, machine.say)
    file, data = folder / "server.properties", folder / "data"
    values = kafka.settings(port, machine.ports.pick(port + 1, [port]), data)
    file.write_text(kafka.properties_text(values), encoding="ascii")
    kafka.ensure_formatted(java, distribution, file, data)
    machine.say(f"kafka: starting it on port {port}")
    return start("kafka", kafka.broker_command(java, distribution, file), port, folder, is_open)


def _start_redis(machine: Machine, port: int, folder: Path) -> Instance:
    executable = redis.find_redis(machine.environment)
    machine.say(f"redis: starting it on port {port}")
    command = redis.server_command(executable, port, folder)
    return start("redis", command, port, folder, redis.accepts_commands)


STARTERS: Final[Mapping[str, Callable[[Machine, int, Path], Instance]]] = {
    "kafka": _start_kafka,
    "redis": _start_redis,
}


def bring_down(machine: Machine, names: Sequence[str], *, delete_data: bool) -> list[EngineState]:
    """Stop those of the engines `names` that were started from here; then, if asked to, delete their data."""
    for name in names:
        instance = machine.instances.find(name)
        if instance is not None:
            machine.say(f"{name}: stopping it (process {instance.pid})")
            stop(instance)
        machine.instances.forget(name)
        if delete_data and machine.folder_of(name).is_dir():
            machine.say(f"{name}: deleting {machine.folder_of(name)}")
            shutil.rmtree(machine.folder_of(name))
    return [state_of(machine, name) for name in names]
