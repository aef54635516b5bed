"""One cluster for all tests here, and on it the to-do system, from the manifests of the repository.

In CI they run alone, after all others: `.ci/run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from engines.cluster.installing import bring_in
from engines.cluster.kubectl import Cluster
from support.cluster import cluster_of_this_run, eventually, images_of_this_run, rolled_out, tell
from support.cluster_load import Load, started_load
from support.engines import engine

TODO = "todo-chatbot"
SERVICES = ("deployment/backend", "deployment/notification")
RELOADS = "Issuer credentials changed; reloading"
QUIET = "4s"
"""Longer than sentry takes from one to the next."""
ORDER = (
    "test_lifecycle",
    "test_manifests_run",
    "test_walk",
    "test_what_fails_under_load",
    "test_where_events_stay",
    "test_what_arrives_in_the_end",
    "test_story",
    "test_tokens",
)
"""The modules. That with services of its own goes while the to-do system comes back from what has failed
last, and those that change the to-do system come at the end, so that nobody waits until it is as it was."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the cluster, and for images of the product as it is now.

    They go in an order of their own: see ORDER.
    """
    places = [place for place, item in enumerate(items) if item.path.parent == Path(__file__).parent]
    own = sorted((items[place] for place in places), key=lambda item: ORDER.index(item.path.stem))
    for place, item in zip(places, own, strict=True):
        items[place] = item
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def images(pytestconfig: pytest.Config) -> Iterator[Future[Path]]:
    """The images of the to-do system are being built, while the cluster starts."""
    engine("cluster", pytestconfig)
    required = os.environ.get("OUTBOARD_REQUIRE_ENGINES") == "1"
    with images_of_this_run(pytestconfig.rootpath, required) as built:
        yield built


@pytest.fixture(scope="session")
def cluster(images: Future[Path], pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster of this test run, with Dapr."""
    assert not images.cancelled()
    with cluster_of_this_run(pytestconfig.rootpath) as running:
        yield running


@pytest.fixture(scope="session")
def begun(cluster: Cluster, images: Future[Path], pytestconfig: pytest.Config) -> Iterator[Future[None]]:
    """The to-do system is being installed."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(install, cluster, pytestconfig.rootpath / "deploy" / "kubernetes", images)


@pytest.fixture(scope="session")
def installed(begun: Future[None]) -> str:
    """The namespace of the to-do system, in which a module may just have changed something."""
    begun.result()
    return TODO


@pytest.fixture(scope="module")
def todo(cluster: Cluster, installed: str) -> str:
    """The namespace of the to-do system, which runs."""
    rolled_out(cluster, installed, *SERVICES)
    return installed


@pytest.fixture(scope="session")
def whole_load(cluster: Cluster, installed: str) -> Load:
    """Load that goes on while things fail."""
    rolled_out(cluster, installed, *SERVICES)
    return started_load(cluster, installed)


def sentry_is_settled(cluster: Cluster) -> bool:
    """Whether it is through with the certificates that it has made. It begins anew every two seconds until
    then, some seven times, and a sidecar that asks in such a moment ends, and is started again."""
    log = ("logs", "-n", "dapr-system", "-l", "app=dapr-sentry", "--tail=-1")
    return RELOADS in cluster.kubectl(*log) and RELOADS not in cluster.kubectl(*log, f"--since={QUIET}")


def install(cluster: Cluster, manifests: Path, images: Future[Path]) -> None:
    """Install the to-do system. Its broker and its store come first, which need none of its own images."""
    engines = [
        part
        for name in ("00-namespaces", "10-kafka", "20-redis")
        for part in ("-f", f"{manifests / name}.yaml")
    ]
    cluster.kubectl("apply", *engines)
    rolled_out(cluster, "kafka", "statefulset/kafka-broker")
    rolled_out(cluster, TODO, "statefulset/redis")
    bring_in(cluster, images.result(), tell)
    eventually(lambda: sentry_is_settled(cluster), lambda: "sentry goes on to begin anew", patience=120)
    cluster.kubectl("apply", "-f", str(manifests))
    rolled_out(cluster, TODO, *SERVICES)
