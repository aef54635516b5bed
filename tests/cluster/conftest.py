"""One cluster for all tests here, and on it the to-do system, from the manifests of the repository.

In CI they run alone, after all others: `.ci/run`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from engines.cluster.kubectl import Cluster
from support.cluster import cluster_of_this_run, rolled_out
from support.engines import engine

TODO = "todo-chatbot"


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
def todo(cluster: Cluster, pytestconfig: pytest.Config) -> str:
    """The namespace of the to-do system, which runs. Its broker and its store come first."""
    manifests = pytestconfig.rootpath / "deploy" / "kubernetes"
    engines = [
        part
        for name in ("00-namespaces", "10-kafka", "20-redis")
        for part in ("-f", f"{manifests / name}.yaml")
    ]
    cluster.kubectl("apply", *engines)
    rolled_out(cluster, "kafka", "statefulset/kafka-broker")
    rolled_out(cluster, TODO, "statefulset/redis")
    cluster.kubectl("apply", "-f", str(manifests))
    rolled_out(cluster, TODO, "deployment/backend", "deployment/notification")
    return TODO
