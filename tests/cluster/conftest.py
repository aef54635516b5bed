"""One cluster for all tests here, and on it the to-do system, from the manifests of the repository.

In CI they run alone, after all others: `.ci/run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from engines.cluster.kubectl import Cluster
from support.cluster import cluster_of_this_run, rolled_out
from support.engines import engine
from support.processes import eventually

TODO = "todo-chatbot"
RELOADS = "Issuer credentials changed; reloading"
QUIET = "4s"
"""Longer than sentry takes from one to the next."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test waits for the cluster, and that for images of the product as it is now."""
    for item in items:
        if item.path.is_relative_to(os.path.dirname(__file__)) and item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(900))


@pytest.fixture(scope="session")
def cluster(pytestconfig: pytest.Config) -> Iterator[Cluster]:
    """The cluster of this test run, with Dapr."""
    engine("cluster", pytestconfig)
    required = os.environ.get("OUTBOARD_REQUIRE_ENGINES") == "1"
    with cluster_of_this_run(pytestconfig.rootpath, required) as running:
        yield running


@pytest.fixture(scope="session")
def begun(cluster: Cluster, pytestconfig: pytest.Config) -> Iterator[Future[None]]:
    """The to-do system is being installed."""
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(install, cluster, pytestconfig.rootpath / "deploy" / "kubernetes")


@pytest.fixture(scope="session")
def installed(begun: Future[None]) -> str:
    """The namespace of the to-do system, in which a module may just have changed something."""
    begun.result()
    return TODO


@pytest.fixture(scope="module")
def todo(cluster: Cluster, installed: str) -> str:
    """The namespace of the to-do system, which runs."""
    rolled_out(cluster, installed, "deployment/backend", "deployment/notification")
    return installed


def sentry_is_settled(cluster: Cluster) -> bool:
    """Whether it is through with the certificates that it has made. It begins anew every two seconds until
    then, some seven times, and a sidecar that asks in such a moment ends, and is started again."""
    log = ("logs", "-n", "dapr-system", "-l", "app=dapr-sentry", "--tail=-1")
    return RELOADS in cluster.kubectl(*log) and RELOADS not in cluster.kubectl(*log, f"--since={QUIET}")


def install(cluster: Cluster, manifests: Path) -> None:
    """Install the to-do system. Its broker and its store come first."""
    engines = [
        part
        for name in ("00-namespaces", "10-kafka", "20-redis")
        for part in ("-f", f"{manifests / name}.yaml")
    ]
    cluster.kubectl("apply", *engines)
    rolled_out(cluster, "kafka", "statefulset/kafka-broker")
    rolled_out(cluster, TODO, "statefulset/redis")
    eventually(lambda: sentry_is_settled(cluster), lambda: "sentry goes on to begin anew", patience=120)
    cluster.kubectl("apply", "-f", str(manifests))
    rolled_out(cluster, TODO, "deployment/backend", "deployment/notification")
