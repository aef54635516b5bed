"""The containers of a cluster, as processes and control groups of this machine: to kill one."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

from engines.cluster.kubectl import Cluster
from engines.cluster.machine import CGROUPS
from support.cluster import eventually, objects, rolled_out

PATIENCE = 120.0
"""Seconds: a container that has ended several times is started again after ten, twenty, forty."""


def pod_of(cluster: Cluster, namespace: str, app: str) -> dict[str, Any]:
    """The newest pod with the label `app` that is not on its way out."""
    pods = objects(cluster, "pods", "-n", namespace, "-l", f"app={app}")
    lasting = [each for each in pods if "deletionTimestamp" not in each["metadata"]]
    newest: dict[str, Any] = max(lasting, key=lambda each: str(each["metadata"]["creationTimestamp"]))
    return newest


def container(pod: dict[str, Any], name: str) -> dict[str, Any]:
    """The status of the container `name`."""
    statuses = pod["status"]["containerStatuses"]
    found: dict[str, Any] = next(each for each in statuses if each["name"] == name)
    return found


def group_of(cluster: Cluster, hierarchy: str, container_id: str) -> Path:
    """The control group of a container in `hierarchy`, such as `memory`; `container_id` as in its status."""
    groups = (CGROUPS / hierarchy / cluster.run.cgroup).rglob(container_id.removeprefix("containerd://"))
    return next(groups)


def end_processes(cluster: Cluster, status: dict[str, Any]) -> None:
    """SIGKILL for all processes of the container with that status."""
    group = group_of(cluster, "memory", status["containerID"])
    for pid in (group / "cgroup.procs").read_text(encoding="utf-8").split():
        os.kill(int(pid), signal.SIGKILL)


def kill(cluster: Cluster, namespace: str, app: str, name: str) -> None:
    """SIGKILL for all processes of a container; returns once it runs again, and its pod is ready."""
    before = container(pod_of(cluster, namespace, app), name)
    end_processes(cluster, before)

    def again() -> bool:
        now = container(pod_of(cluster, namespace, app), name)
        return bool(now["restartCount"] > before["restartCount"] and now["ready"])

    eventually(again, lambda: f"{name} of {app} does not come back", patience=PATIENCE)
    rolled_out(cluster, namespace, f"deployment/{app}")
