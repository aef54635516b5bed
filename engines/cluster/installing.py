"""What comes into a cluster that has just started, and when it is ready."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from engines.cluster import settings
from engines.cluster.build import HERE, dapr_manifests
from engines.cluster.kubectl import Cluster
from engines.cluster.layout import NODE
from engines.cluster.programs import last_lines, run
from engines.kubernetes.build import definitions
from engines.problem import EngineProblem

Say = Callable[[str], None]
VOLUMES = {f"volume-{size}gi-{number}": size for size, count in ((5, 3), (1, 6)) for number in range(count)}
"""The volumes that claims find: name → gibibytes, which nothing limits them to."""
DAPR = (
    "deployment/dapr-sentry",
    "deployment/dapr-operator",
    "deployment/dapr-sidecar-injector",
    "statefulset/dapr-placement-server",
)
API_LIMIT, NODE_LIMIT, DAPR_LIMIT = 90.0, 120.0, 240.0
"""Seconds that each may take on a machine that does other things."""


def _wait(cluster: Cluster, what: str, limit: float, can: Callable[[], bool], say: Say) -> None:
    """Return once `can`. Raises EngineProblem when the cluster has ended, or after `limit` seconds."""
    started = time.monotonic()
    while not can():
        if not cluster.record.process.lives:
            lines = last_lines(cluster.run.logs / "inside.log")
            raise EngineProblem("\n".join(["the cluster has ended; its last lines:", *lines]))
        if time.monotonic() - started > limit:
            raise EngineProblem(f"{what}: not within {limit:.0f} s; its logs are in {cluster.run.logs}")
        time.sleep(0.1)
    say(f"{what}, {time.monotonic() - started:.1f} s")


def wait_for_api(cluster: Cluster, say: Say) -> None:
    """Return once the API server serves."""

    def can() -> bool:
        return cluster.try_kubectl("get", "--raw", "/readyz").returncode == 0

    _wait(cluster, "the API server is ready", API_LIMIT, can, say)


def wait_for_node(cluster: Cluster, say: Say) -> None:
    """Return once pods can run."""
    path = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"

    def can() -> bool:
        return cluster.try_kubectl("get", "node", NODE, "-o", path).stdout == "True"

    _wait(cluster, "the node is Ready", NODE_LIMIT, can, say)


def bring_in(cluster: Cluster, layout: Path, say: Say) -> None:
    """Give the node the images of `layout`, a folder in OCI's layout. Raises EngineProblem."""
    started = time.monotonic()
    script = 'tar -C "$1" -c . | ctr -n k8s.io images import -'
    run(cluster.inside("sh", "-c", script, "import", str(layout)), cluster.run.logs / "images.log")
    say(f"the images of the to-do system are there, {time.monotonic() - started:.1f} s")


def lay_out(cluster: Cluster) -> None:
    """What the cluster's own parts need, and the volumes."""
    cluster.kubectl("apply", "--server-side", "-f", str(HERE / "manifests" / "cluster.yaml"))
    add_volumes(cluster, VOLUMES)


def add_volumes(cluster: Cluster, volumes: Mapping[str, int]) -> None:
    """Add empty volumes, name → gibibytes. A volume whose claim was deleted is not given to another one."""
    made = []
    for name, size in volumes.items():
        place = cluster.run.volumes / name
        place.mkdir(parents=True)
        made.append(settings.volume(name, size, place))
    listed = {"apiVersion": "v1", "kind": "List", "items": made}
    cluster.kubectl("apply", "--server-side", "-f", "-", given=json.dumps(listed))


def install_dapr(cluster: Cluster, home: Path, say: Say) -> None:
    """Install what Dapr's chart makes. The definitions come first: the chart has objects of their kinds, and
    its pods stop without them, and back off for minutes."""
    started = time.monotonic()
    program = Path(cluster.record.program)
    cluster.kubectl("create", "namespace", "dapr-system")
    cluster.kubectl("apply", "--server-side", "-f", str(definitions(program.parent)))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")
    cluster.kubectl("apply", "--server-side", "-f", str(dapr_manifests(home)))
    for each in DAPR:
        cluster.kubectl("rollout", "status", "-n", "dapr-system", each, f"--timeout={DAPR_LIMIT:.0f}s")
    say(f"Dapr's control plane is ready, {time.monotonic() - started:.1f} s")
