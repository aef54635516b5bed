"""`outboard engines`: a real Kafka and a real Redis for a person, from the command line."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from engines.kafka.broker import jars
from outboard.engines.jars import pinned_jars
from support.processes import free_ports, outboard
from support.projects import lives


@dataclass(frozen=True)
class Commands:
    """`outboard engines` with everything it keeps in `folder`."""

    folder: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = outboard("engines", *arguments, "--folder", str(self.folder))
        environment = {**self.environment, "NO_COLOR": "1"}
        return subprocess.run(
            command, capture_output=True, encoding="utf-8", env=environment, check=False, timeout=100
        )

    def states(self, *arguments: str) -> dict[str, dict[str, Any]]:
        """The states by name, of a command that succeeds."""
        done = self.run(*arguments, "--output", "json")
        assert done.returncode == 0, done.stdout + done.stderr
        return {state["name"]: state for state in json.loads(done.stdout)}


@pytest.fixture
def commands(tmp_path: Path) -> Iterator[Commands]:
    kept = ("KAFKA_HOME", "OUTBOARD_ENGINES_FOLDER", "OUTBOARD_MAVEN_URL")
    environment = {name: value for name, value in os.environ.items() if name not in kept}
    made = Commands(tmp_path / "engines", {**environment, "no_proxy": "*"})
    yield made
    made.run("down")


@contextmanager
def maven_repository(folder: Path) -> Iterator[str]:
    """The URL of a Maven repository of the files in `folder`."""

    class Handler(SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(folder))

        def log_message(self, format: str, *arguments: object) -> None:
            """The test is told by the command."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def maven_url(tmp_path: Path, kafka_home: Path) -> Iterator[str]:
    """A Maven repository with what `dev.py engines` fetched by Maven: it must be what is pinned."""
    for jar in pinned_jars():
        target = tmp_path / "maven2" / jar.path
        target.parent.mkdir(parents=True)
        shutil.copyfile(jars(kafka_home) / jar.name, target)
    with maven_repository(tmp_path / "maven2") as url:
        yield url


def redis(port: int, line: str) -> bytes:
    """What a Redis answers to one line in its plain protocol."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(f"{line}\r\n".encode())
        return connection.recv(4096)


@pytest.mark.timeout(240)
@pytest.mark.anyio
async def test_kafka_is_fetched_started_found_and_stopped_and_keeps_its_events(
    commands: Commands, maven_url: str
) -> None:
    port, other = free_ports(2)
    up = ("up", "kafka", "--maven-url", maven_url)
    kafka = commands.states(*up, "--kafka-port", str(port))["kafka"]
    assert (kafka["state"], kafka["address"]) == ("running", f"localhost:{port}")
    async with AIOKafkaProducer(bootstrap_servers=kafka["address"]) as producer:
        await producer.send_and_wait("tasks", b"kept")

    assert commands.states(*up, "--kafka-port", str(port))["kafka"]["pid"] == kafka["pid"]
    assert commands.states("status", "kafka")["kafka"] == kafka
    assert commands.states("down", "kafka")["kafka"]["state"] == "stopped"
    assert not lives(kafka["pid"])
    assert commands.run("status", "kafka").returncode == 1

    moved = commands.states("up", "kafka", "--maven-url", "http://127.0.0.1:1", "--kafka-port", str(other))
    async with AIOKafkaConsumer(bootstrap_servers=moved["kafka"]["address"]) as consumer:
        consumer.assign([TopicPartition("tasks", 0)])
        await consumer.seek_to_beginning()
        assert (await consumer.getone()).value == b"kept"


@pytest.mark.engine("redis")
def test_redis_keeps_its_keys_and_loses_them_when_asked_to(commands: Commands) -> None:
    port = free_ports(1)[0]
    up = ("up", "redis", "--redis-port", str(port))
    commands.states(*up)
    assert redis(port, "SET task kept") == b"+OK\r\n"
    commands.states("down")
    commands.states(*up)
    assert redis(port, "GET task") == b"$4\r\nkept\r\n"
    commands.states("down", "redis", "--delete-data")
    commands.states(*up)
    assert redis(port, "GET task") == b"$-1\r\n"


@pytest.mark.engine("redis")
def test_what_was_started_otherwise_is_named_and_left_alone(commands: Commands, redis_servers: Any) -> None:
    foreign = redis_servers()
    done = commands.run("up", "redis", "--redis-port", str(foreign.port))
    assert done.returncode == 1
    assert f"port {foreign.port} is taken by" in done.stderr
    assert f"(process {foreign.pid})" in done.stderr
    assert "Traceback" not in done.stderr
    assert commands.run("down").returncode == 0
    assert foreign.running
    foreign.stop()


@pytest.mark.engine("redis")
def test_a_server_that_does_not_start_tells_its_last_lines(commands: Commands) -> None:
    appendonly = commands.folder / "redis" / "appendonlydir"
    appendonly.parent.mkdir(parents=True)
    appendonly.write_text("not a folder", encoding="utf-8")
    done = commands.run("up", "redis", "--redis-port", str(free_ports(1)[0]))
    assert done.returncode == 1
    assert "redis: it ended with exit code 1; the last lines of" in done.stderr
    assert "appendonlydir" in done.stderr
    assert commands.run("status", "redis").returncode == 1


def test_without_java_and_redis_it_is_told_what_to_install(commands: Commands, tmp_path: Path) -> None:
    bare = Commands(commands.folder, {**commands.environment, "PATH": str(tmp_path), "JAVA_HOME": ""})
    done = bare.run("up", "--kafka-port", str(free_ports(1)[0]), "--redis-port", str(free_ports(1)[0]))
    assert done.returncode == 1
    assert "kafka: it needs Java 17 or newer" in done.stderr
    assert "redis: there is no redis-server and no valkey-server" in done.stderr
    assert done.stdout.split() == ["kafka", "failed", "redis", "failed"]


def test_an_engine_that_does_not_exist_is_wrong_usage(commands: Commands) -> None:
    before = psutil.Process().children()  # the servers of other tests
    done = commands.run("up", "kafca")
    assert done.returncode == 2
    assert "'kafca' is not one of 'kafka', 'redis'" in done.stderr
    assert psutil.Process().children() == before
    assert not commands.folder.exists()
