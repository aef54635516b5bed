"""The command line and the settings of a broker of one node, and of Kafka's own tools."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

MAIN = "kafka.Kafka"
STORAGE_TOOL = "kafka.tools.StorageTool"
CLUSTER_ID = "b3V0Ym9hcmQtdGVzdHMtMQ"
"""The id of every cluster of one broker here: 16 bytes in Kafka's own base64."""
ONE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
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
    # few threads and little memory: tests share their machine
    "log.cleaner.dedupe.buffer.size": "2097152",
    "num.network.threads": "1",
    "num.io.threads": "2",
    "background.threads": "1",
    "num.recovery.threads.per.data.dir": "1",
    "group.coordinator.threads": "1",
    "share.coordinator.threads": "1",
    "metadata.max.idle.interval.ms": "0",
    # a broker that was killed is let in again once its old session has ended, which takes 9 s by default
    "broker.heartbeat.interval.ms": "500",
    "broker.session.timeout.ms": "3000",
}
JVM = (
    "-Xms64m",
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:-UsePerfData",
    "-Djava.net.preferIPv4Stack=true",
    "-Dlog4j2.StatusLogger.level=OFF",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
)


def jars(home: Path) -> Path:
    """The folder of the jars of the Kafka at `home`."""
    return home / "lib"


def archive(home: Path) -> Path:
    """The classes as the JVM has loaded them before, which brings a start from 3 s to 1 s. A JVM that the
    archive was not made by passes it over."""
    return home / "broker.jsa"


def blank(home: Path) -> Path:
    """The two files of a formatted, empty data folder: a copy of them saves the start of a JVM."""
    return home / "formatted"


def settings(
    port: int, controller_port: int, data: Path, more: Mapping[str, str] | None = None
) -> dict[str, str]:
    """`server.properties` of a broker on `port` of loopback, without TLS or authentication.

    `more` adds settings and replaces any; listeners in it are added to those of the broker itself.
    """
    own = {
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": data.as_posix(),
    }
    merged = {**ONE_NODE, **own, **(more or {})}
    for name in ("listeners", "advertised.listeners", "listener.security.protocol.map"):
        if more is not None and name in more:
            merged[name] = f"{own[name]},{more[name]}"
    return merged


def write_settings(file: Path, values: Mapping[str, str]) -> None:
    """Write a Java properties file; a line break or a backslash in a value is escaped."""
    lines = (f"{name}={_escaped(value)}\n" for name, value in values.items())
    file.write_text("".join(lines), encoding="utf-8")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def tool_command(java: Path, home: Path, main: str, arguments: Sequence[str]) -> list[str]:
    """The command line of the Java class `main`, such as `org.apache.kafka.tools.TopicCommand`."""
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"
    return [str(java), *JVM, quiet, "-cp", class_path(home), main, *arguments]


def broker_command(java: Path, home: Path, settings_file: Path, options: Sequence[str] = ()) -> list[str]:
    """The command line of a broker; `options` go to the JVM."""
    shared = [f"-XX:SharedArchiveFile={archive(home)}"] if archive(home).is_file() else []
    quiet = ["-Xshare:auto", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]
    return [str(java), *JVM, *shared, *quiet, *options, "-cp", class_path(home), MAIN, str(settings_file)]


def class_path(home: Path) -> str:
    """All jars, by name and in order: the archive of classes belongs to one exact class path."""
    return os.pathsep.join(str(jar) for jar in sorted(jars(home).glob("*.jar")))
