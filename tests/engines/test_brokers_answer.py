"""The Kafka and the Redis that other tests build on keep what they acknowledged, whatever is done to them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from support.kafka import KafkaBroker
from support.processes import eventually
from support.projects import lives
from support.redis import RedisServer


async def produce(broker: KafkaBroker, topic: str, value: bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=broker.address, acks="all") as producer:
        await producer.send_and_wait(topic, value)


async def values(broker: KafkaBroker, topic: str, count: int) -> list[bytes]:
    """The first `count` values of the first partition."""
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="earliest")
    async with consumer:
        consumer.assign([TopicPartition(topic, 0)])
        return [(await consumer.getone()).value for _ in range(count)]


def command(server: RedisServer, line: str) -> bytes:
    """What a Redis answers to one line in its plain protocol."""
    with socket.create_connection((server.host, server.port), timeout=5) as connection:
        connection.sendall(f"{line}\r\n".encode())
        return connection.recv(4096)


@pytest.mark.anyio
async def test_kafka_keeps_an_event_over_a_crash(own_kafka: KafkaBroker) -> None:
    await produce(own_kafka, "tasks", b"before")
    port = own_kafka.port
    own_kafka.restart()
    await produce(own_kafka, "tasks", b"after")
    assert own_kafka.port == port
    assert await values(own_kafka, "tasks", 2) == [b"before", b"after"]


@pytest.mark.anyio
async def test_kafka_goes_on_after_it_was_frozen_and_after_it_was_stopped(own_kafka: KafkaBroker) -> None:
    with own_kafka.paused():
        assert own_kafka.running
    await produce(own_kafka, "tasks", b"thawed")
    own_kafka.stop()
    assert not own_kafka.running
    own_kafka.start()
    assert await values(own_kafka, "tasks", 1) == [b"thawed"]


def test_kafka_creates_topics_with_partitions(kafka: KafkaBroker) -> None:
    topic = f"topic-{uuid.uuid4().hex}"
    kafka.create_topic(topic, partitions=3, retention_ms="60000")
    said = kafka.tool("org.apache.kafka.tools.TopicCommand", "--describe", "--topic", topic)
    assert "PartitionCount: 3" in said
    assert "retention.ms=60000" in said


def test_redis_keeps_a_value_over_a_crash(own_redis: RedisServer) -> None:
    assert command(own_redis, "SET task 1") == b"+OK\r\n"
    own_redis.restart()
    assert command(own_redis, "GET task") == b"$1\r\n1\r\n"


def test_a_frozen_redis_does_not_answer_until_it_goes_on(own_redis: RedisServer) -> None:
    with own_redis.paused(), socket.create_connection((own_redis.host, own_redis.port)) as connection:
        connection.sendall(b"PING\r\n")
        connection.settimeout(0.2)
        with pytest.raises(TimeoutError):
            connection.recv(64)
        own_redis.resume()
        connection.settimeout(5)
        assert connection.recv(64) == b"+PONG\r\n"


def test_the_shared_redis_answers(redis: RedisServer) -> None:
    assert command(redis, "PING") == b"+PONG\r\n"


PASSWORD_LISTENER = {
    "listeners": "SECURED://127.0.0.1:{secured_port}",
    "advertised.listeners": "SECURED://127.0.0.1:{secured_port}",
    "listener.security.protocol.map": "SECURED:SASL_PLAINTEXT",
    "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
    "listener.name.secured.plain.sasl.jaas.config": (
        'org.apache.kafka.common.security.plain.PlainLoginModule required user_ada="ada-secret";'
    ),
    "listener.name.secured.scram-sha-512.sasl.jaas.config": (
        "org.apache.kafka.common.security.scram.ScramLoginModule required;"
    ),
}


@pytest.mark.anyio
async def test_kafka_lets_users_in_by_password_on_a_listener_of_its_own(
    kafka_brokers: Callable[..., KafkaBroker],
) -> None:
    broker = kafka_brokers(PASSWORD_LISTENER)
    broker.add_scram_user("bea", "bea-secret")
    for mechanism, user in (("PLAIN", "ada"), ("SCRAM-SHA-512", "bea")):
        async with AIOKafkaProducer(
            bootstrap_servers=broker.secured_address,
            security_protocol="SASL_PLAINTEXT",
            sasl_mechanism=mechanism,
            sasl_plain_username=user,
            sasl_plain_password=f"{user}-secret",
        ) as producer:
            await producer.send_and_wait("tasks", user.encode())
    assert await values(broker, "tasks", 2) == [b"ada", b"bea"]
    broker.stop()


KILLED_RUN = """
import os, signal, sys, time
from pathlib import Path
from support.redis import RedisServer
server = RedisServer(Path(sys.argv[1]), Path(sys.argv[2]))
server.start()
print(server.pid, flush=True)
os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))
"""


def test_a_server_does_not_outlive_a_test_run_that_is_killed(redis_executable: Path, tmp_path: Path) -> None:
    roots = os.pathsep.join(str(Path(__file__).parents[up]) for up in (1, 2))
    done = subprocess.run(
        [sys.executable, "-c", KILLED_RUN, str(redis_executable), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": roots},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
    pid = int(done.stdout)
    eventually(lambda: not lives(pid), lambda: f"process {pid} still runs")
