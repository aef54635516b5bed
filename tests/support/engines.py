"""Fixtures for the real engines that `python3 dev.py engines` sets up.

A test names what it needs, by a fixture or by `@pytest.mark.engine("postgresql")`. Where that engine is not
set up the test is skipped; with OUTBOARD_REQUIRE_ENGINES=1, as in CI, it fails, so that nothing is skipped
unseen.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from engines.record import read_record
from support.chromium import ARGUMENTS, ChromiumServer
from support.kafka import KafkaBroker
from support.kubernetes import Cluster, running_cluster
from support.postgresql import PostgresqlServer, database, running_server
from support.redis import DURABLE, RedisServer


def place_of(engine: str, root: Path, required: bool) -> Path:
    """Where `engine` is set up; without it the test is skipped, or fails if engines are `required`."""
    place = read_record(root).get(engine)
    if place is not None:
        return place
    message = f"{engine} is not set up: python3 dev.py engines {engine}"
    if required:
        pytest.fail(f"{message} (OUTBOARD_REQUIRE_ENGINES is set)", pytrace=False)
    pytest.skip(message)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """See to the engines that the test's markers name."""
    for marker in item.iter_markers("engine"):
        for name in marker.args:
            engine(name, item.config)


def engine(name: str, config: pytest.Config) -> Path:
    """Where the engine `name` is set up on this machine, for a fixture or test of that `config`."""
    return place_of(name, config.rootpath, required=os.environ.get("OUTBOARD_REQUIRE_ENGINES") == "1")


@pytest.fixture(scope="session")
def postgresql_server(pytestconfig: pytest.Config) -> Iterator[PostgresqlServer]:
    """The PostgreSQL server that this test run shares: a test uses databases of its own in it."""
    with running_server(engine("postgresql", pytestconfig)) as server:
        yield server


@pytest.fixture
def own_postgresql(pytestconfig: pytest.Config) -> Iterator[PostgresqlServer]:
    """A PostgreSQL server of this test alone, to crash, freeze and restart (two seconds)."""
    with running_server(engine("postgresql", pytestconfig)) as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql_server: PostgresqlServer) -> Iterator[str]:
    """The SQLAlchemy URL (`postgresql+psycopg://…`) of an empty database of this test's own."""
    with database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def kafka_home(pytestconfig: pytest.Config) -> Path:
    """The folder of the engine `kafka`: its jars are in `lib`."""
    return engine("kafka", pytestconfig)


@pytest.fixture(scope="session")
def kafka_brokers(
    kafka_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., KafkaBroker]]:
    """`kafka_brokers(settings)` starts a Kafka broker of one's own, which is stopped with the test run.

    `settings`, if given, are further lines of its server.properties, see `KafkaBroker`. A test that
    crashes or freezes its broker takes one from here (or `own_kafka`): `kafka` is shared.
    """
    with ExitStack() as running:

        def start(settings: Mapping[str, str] | None = None) -> KafkaBroker:
            broker = KafkaBroker(kafka_home, tmp_path_factory.mktemp("kafka"), settings)
            running.callback(broker.stop)
            broker.start()
            return broker

        yield start


@pytest.fixture(scope="session")
def kafka(kafka_brokers: Callable[..., KafkaBroker]) -> KafkaBroker:
    """The Kafka broker that this test run shares: a test uses topics and groups of its own names in it."""
    return kafka_brokers()


@pytest.fixture
def own_kafka(kafka_brokers: Callable[..., KafkaBroker]) -> Iterator[KafkaBroker]:
    """A Kafka broker of this test alone, to crash, freeze and restart."""
    broker = kafka_brokers()
    yield broker
    broker.stop()


@pytest.fixture(scope="session")
def redis_executable(pytestconfig: pytest.Config) -> Path:
    """The executable of a Redis server, or of a Valkey server."""
    return engine("redis", pytestconfig)


@pytest.fixture(scope="session")
def redis_servers(
    redis_executable: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., RedisServer]]:
    """`redis_servers(*options)` starts a Redis of one's own, with options of its command line; it is stopped
    with the test run."""
    with ExitStack() as running:

        def start(*options: str) -> RedisServer:
            server = RedisServer(redis_executable, tmp_path_factory.mktemp("redis"), options)
            running.callback(server.stop)
            server.start()
            return server

        yield start


@pytest.fixture(scope="session")
def redis(redis_servers: Callable[..., RedisServer]) -> RedisServer:
    """The Redis that this test run shares: a test uses streams and keys of its own names in it."""
    return redis_servers()


@pytest.fixture
def own_redis(redis_servers: Callable[..., RedisServer]) -> Iterator[RedisServer]:
    """A Redis of this test alone, to crash, freeze and restart; what it has acknowledged is on disk."""
    server = redis_servers(*DURABLE)
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kubernetes(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """The Kubernetes API server that this test run shares: a test uses namespaces of its own in it."""
    with running_cluster(
        engine("kubernetes", pytestconfig), tmp_path_factory.mktemp("kubernetes")
    ) as cluster:
        yield cluster


@pytest.fixture
def kubernetes_namespace(kubernetes: Cluster) -> str:
    """A fresh namespace in the shared cluster."""
    return kubernetes.add_namespace()


@pytest.fixture
def own_kubernetes(pytestconfig: pytest.Config, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster of this test alone (five seconds), for manifests that name their namespaces, and to crash,
    freeze and restart its API server (`own_kubernetes.api`)."""
    with running_cluster(engine("kubernetes", pytestconfig), tmp_path) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def daprd(pytestconfig: pytest.Config) -> Path:
    """The executable of Dapr's own sidecar."""
    return engine("daprd", pytestconfig)


@pytest.fixture(scope="session")
def chromium(pytestconfig: pytest.Config) -> Path:
    """The executable of a browser for Playwright's `chromium.launch(executable_path=…)`."""
    return engine("chromium", pytestconfig)


@pytest.fixture
def browser(chromium: Path) -> Iterator[Browser]:
    """A headless browser that is closed after the test; for tests that are not coroutines themselves."""
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=[*ARGUMENTS])
        yield launched
        launched.close()


@pytest.fixture
def own_chromium(chromium: Path, tmp_path: Path) -> Iterator[ChromiumServer]:
    """A browser process of this test alone, to crash, freeze and restart; it keeps its profile."""
    server = ChromiumServer(chromium, tmp_path)
    server.start()
    yield server
    server.stop()
