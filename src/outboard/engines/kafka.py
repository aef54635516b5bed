"""Kafka of one node (KRaft): a distribution of this machine, or jars of our own; its settings and commands.

Source: Kafka's "KRaft" and "Broker Configs" pages (4.3).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from outboard.engines.jars import Say, fetch_jars, missing_jars, pinned_jars
from outboard.errors import EngineUnavailable

__all__ = [
    "Distribution",
    "broker_command",
    "ensure_formatted",
    "find_distribution",
    "own_jars",
    "properties_text",
    "settings",
]

MAIN: Final = "kafka.Kafka"
STORAGE_TOOL: Final = "kafka.tools.StorageTool"
CLUSTER_ID: Final = "b3V0Ym9hcmQtbGFwdG9wMQ"
OLDEST: Final = (3, 5)
"""The first Kafka with a KRaft that is finished."""
SCRIPTS: Final = ("kafka-server-start.sh", "kafka-server-start")
LIBRARIES: Final = ("libs", "libexec/libs")
"""Where a distribution keeps its jars: Kafka's own archive, Homebrew."""
ONE_NODE: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    # a broker alone cannot keep three copies of its internal topics
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    "group.initial.rebalance.delay.ms": "0",
    "broker.session.timeout.ms": "3000",  # soon there again after a crash
    "broker.heartbeat.interval.ms": "500",
}
JVM: Final = ("-Xms64m", "-Xmx512m", "-XX:+UseSerialGC", "-Djava.net.preferIPv4Stack=true")
LOG: Final = (
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    "-Dlog4j2.StatusLogger.level=OFF",
)


@dataclass(frozen=True, slots=True)
class Distribution:
    """The folder of Kafka's jars."""

    jars: Path

    @property
    def version(self) -> tuple[int, ...]:
        """As (4, 3, 1), by the name of the broker's jar; empty where there is none."""
        names = (file.name for file in self.jars.glob("kafka_2.*.jar"))
        found = (re.fullmatch(r"kafka_2\.\d+-(\d+(?:\.\d+)*)\.jar", name) for name in names)
        return next((tuple(map(int, match[1].split("."))) for match in found if match), ())


def find_distribution(environment: Mapping[str, str]) -> Distribution | None:
    """A Kafka of this machine: of KAFKA_HOME, else of the start script on PATH; None where there is none.

    Raises EngineUnavailable where KAFKA_HOME holds no Kafka, or one that is too old; one on PATH that is too
    old is passed over.
    """
    if home := environment.get("KAFKA_HOME"):
        found = _first(Path(home) / each for each in LIBRARIES)
        if found is None or found.version < OLDEST:
            raise EngineUnavailable(
                "kafka",
                f"KAFKA_HOME ({home}) holds no Kafka of version {OLDEST[0]}.{OLDEST[1]} or newer",
                "Correct the variable, or unset it: then Kafka is downloaded.",
            )
        return found
    scripts = (shutil.which(name, path=environment.get("PATH")) for name in SCRIPTS)
    homes = (Path(script).resolve().parent.parent for script in scripts if script)
    found = _first(home / each for home in homes for each in LIBRARIES)
    return found if found is not None and found.version >= OLDEST else None


def _first(folders: Iterable[Path]) -> Distribution | None:
    candidates = map(Distribution, folders)
    return next((each for each in candidates if each.version), None)


def own_jars(folder: Path, repository: str, say: Say) -> Distribution:
    """The jars in `folder`, downloaded from `repository` where they are missing. Raises EngineUnavailable."""
    missing = missing_jars(pinned_jars(), folder)
    if missing:
        say(f"kafka: downloading it from {repository} into {folder} (36 MB in all, once)")
        fetch_jars(missing, folder, repository, say)
    return Distribution(folder)


def settings(port: int, controller_port: int, data: Path) -> dict[str, str]:
    """`server.properties` of a broker on `port` of loopback; whoever reaches the port may do everything."""
    return {
        **ONE_NODE,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://localhost:{port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": data.as_posix(),
    }


def properties_text(values: Mapping[str, str]) -> str:
    """A Java properties file: what is not ASCII is escaped, as are backslashes."""
    return "".join(f"{name}={_escaped(value)}\n" for name, value in values.items())


def _escaped(value: str) -> str:
    units = value.replace("\\", "\\\\").encode("utf-16-be")
    codes = (int.from_bytes(units[at : at + 2]) for at in range(0, len(units), 2))
    return "".join(chr(code) if code < 128 else f"\\u{code:04x}" for code in codes)


def broker_command(java: Path, kafka: Distribution, file: Path) -> list[str]:
    """What starts a broker with the settings of `file`."""
    return [str(java), *JVM, *LOG, "-cp", str(kafka.jars / "*"), MAIN, str(file)]


def ensure_formatted(java: Path, kafka: Distribution, file: Path, data: Path) -> None:
    """Have Kafka's storage tool prepare an empty `data` folder, once. Raises EngineUnavailable."""
    if (data / "meta.properties").is_file():
        return
    tool = [str(java), *JVM, "-XX:TieredStopAtLevel=1", "-cp", str(kafka.jars / "*"), STORAGE_TOOL]
    command = [*tool, "format", "-t", CLUSTER_ID, "-c", str(file)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="replace", check=False)
    if done.returncode != 0:
        said = os.linesep.join((done.stdout + done.stderr).splitlines()[-5:])
        raise EngineUnavailable("kafka", f"its storage cannot be prepared: {said}", f"Look at {data}.")
