"""Bring Kafka's jars from Maven Central, format an empty data folder, and archive the loaded classes.

To move to another Kafka change its version in pom.xml and see `dev.py test tests/engines`.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from engines.cache import folder_of
from engines.java import find_java
from engines.kafka.broker import (
    CLUSTER_ID,
    STORAGE_TOOL,
    archive,
    blank,
    broker_command,
    jars,
    settings,
    tool_command,
    write_settings,
)
from engines.problem import EngineProblem

HERE = Path(__file__).resolve().parent
INPUTS = (HERE / "pom.xml", HERE / "build.py", HERE / "broker.py")
COPY_JARS = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
FORMATTED = ("meta.properties", "bootstrap.checkpoint")
START_LIMIT = 120.0
"""Seconds that the broker may take to start once, on a machine that does other things."""
STOP_LIMIT = 60.0
"""Seconds that the broker may take to stop and write its archive of classes."""


def home_of(root: Path) -> Path:
    """Where the clone at `root` keeps the Kafka of the present inputs."""
    return folder_of(root, "kafka", INPUTS)


def built(root: Path) -> Path | None:
    """The Kafka of the present inputs, if it is there as a whole: the formatted folder is made last."""
    home = home_of(root)
    return home if blank(home).is_dir() else None


def build(root: Path, environment: Mapping[str, str]) -> Path:
    """Set Kafka up and return its folder; what an interrupted run left behind is kept. Raises EngineProblem.

    Needs Java and Maven, and Maven Central or what Maven's own settings put in its place.
    """
    java, home = find_java(environment), home_of(root)
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home, prefix="work-") as made:
        work = Path(made)
        if not jars(home).is_dir():
            fetch_jars(work, environment).replace(jars(home))
        data = format_data(java, home, work)
        if not archive(home).is_file():
            archive_classes(java, home, work)
        data.replace(blank(home))
    return home


def fetch_jars(work: Path, environment: Mapping[str, str]) -> Path:
    """Have Maven copy the jars of pom.xml into a folder below `work`. Raises EngineProblem."""
    maven = shutil.which("mvn", path=environment.get("PATH"))
    if maven is None:
        raise EngineProblem(
            "it needs Maven: apt-get install maven, brew install maven, or https://maven.apache.org/download.cgi"
        )
    shutil.copyfile(HERE / "pom.xml", work / "pom.xml")
    run([maven, "--batch-mode", "--quiet", COPY_JARS, "-DoutputDirectory=jars"], work, "maven.log")
    return work / "jars"


def format_data(java: Path, home: Path, work: Path) -> Path:
    """A folder below `work` with what Kafka's storage tool writes into an empty data folder."""
    file = work / "format.properties"
    write_settings(file, settings(9092, 9093, work / "data"))
    run(
        tool_command(java, home, STORAGE_TOOL, ["format", "-t", CLUSTER_ID, "-c", str(file)]),
        work,
        "format.log",
    )
    folder = work / "formatted"
    folder.mkdir()
    for name in FORMATTED:
        shutil.copyfile(work / "data" / name, folder / name)
    return folder


def archive_classes(java: Path, home: Path, work: Path) -> None:
    """Run a broker once and keep the classes that it loaded. Raises EngineProblem where it does not start."""
    port, controller_port = two_free_ports()
    file = work / "server.properties"
    write_settings(file, settings(port, controller_port, work / "data"))
    made = work / "broker.jsa"
    command = broker_command(java, home, file, [f"-XX:ArchiveClassesAtExit={made}"])
    log = work / "broker.log"
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output) as broker,
    ):
        try:
            wait_for_port(port, broker, log)
            broker.terminate()
            broker.wait(STOP_LIMIT)
        finally:
            broker.kill()
    if made.is_file():  # Windows ends the broker at once, which then leaves no archive
        made.replace(archive(home))


def wait_for_port(port: int, broker: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the broker listens on `port`. Raises EngineProblem with the end of its log."""
    deadline = time.monotonic() + START_LIMIT
    while broker.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise EngineProblem("\n".join(["the broker did not start:", *last_lines(log)]))


def two_free_ports() -> tuple[int, int]:
    """Two ports of loopback that nobody listens on at this moment."""
    with ExitStack() as held:
        probes = [held.enter_context(socket.socket()) for _ in range(2)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return probes[0].getsockname()[1], probes[1].getsockname()[1]


def run(command: Sequence[str], folder: Path, log_name: str) -> None:
    """Run a command in `folder`. Raises EngineProblem with the end of what it said."""
    log = folder / log_name
    with log.open("wb") as output:
        done = subprocess.run(
            command, cwd=folder, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
        )
    if done.returncode != 0:
        raise EngineProblem("\n".join([f"{os.path.basename(command[0])} failed:", *last_lines(log)]))


def last_lines(log: Path) -> list[str]:
    """The end of a log: what a person needs to see of it."""
    return log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:]
