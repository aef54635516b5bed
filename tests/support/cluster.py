"""The real cluster of a test run: pods run, Dapr injects its sidecars."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from engines.cluster.kubectl import Cluster
from engines.cluster.machine import what_is_missing
from engines.cluster.product import being_built
from engines.cluster.running import running
from support import processes

T = TypeVar("T")
PAUSE = 0.2
"""Seconds from one look to the next. A look starts programs, and the two cores are to get on with what is
waited for."""
MOVED = re.compile(r"^\S+ +\S+ +(\d+) +(\d+) *$", re.MULTILINE)
LISTENING = re.compile(r"Forwarding from 127\.0\.0\.1:(\d+)")


def eventually(
    condition: Callable[[], T], complaint: Callable[[], str], patience: float = processes.PATIENCE
) -> T:
    """What `condition` returns, once that is true, with a pause between two looks."""
    return processes.eventually(condition, complaint, patience=patience, pause=PAUSE)


def tell(line: str) -> None:
    """What the engine has to say goes beside what pytest says."""
    print(line, file=sys.stderr)  # noqa: T201


@contextmanager
def images_of_this_run(root: Path, required: bool) -> Iterator[Future[Path]]:
    """The images of the to-do system for a cluster, as they come. Where the machine cannot run one the test
    is skipped, or fails if engines are `required`."""
    if missing := what_is_missing():
        if required:
            pytest.fail(
                f"no cluster can run here: {missing} (OUTBOARD_REQUIRE_ENGINES is set)", pytrace=False
            )
        pytest.skip(f"no cluster can run here: {missing}")
    with being_built(root, tell) as images:
        yield images


@contextmanager
def cluster_of_this_run(root: Path) -> Iterator[Cluster]:
    """A cluster that is this process's own and ends with it, still without those images."""
    with running(root, f"tests-{os.getpid()}", tell, product=False) as cluster:
        yield cluster


def objects(cluster: Cluster, *arguments: str) -> list[dict[str, Any]]:
    """The items of `kubectl get … -o json`."""
    answer: dict[str, Any] = json.loads(cluster.kubectl("get", *arguments, "-o", "json"))
    items: list[dict[str, Any]] = answer.get("items", [answer])
    return items


def rolled_out(cluster: Cluster, namespace: str, *workloads: str, seconds: int = 240) -> None:
    """Wait until each of `workloads`, such as `deployment/backend`, is ready."""
    for each in workloads:
        cluster.kubectl("rollout", "status", "-n", namespace, each, f"--timeout={seconds}s")


@contextmanager
def port_forward(cluster: Cluster, namespace: str, target: str, port: int) -> Iterator[str]:
    """The URL at which `port` of `target`, such as `deployment/backend`, is reached from this machine."""
    command = cluster.command("port-forward", "-n", namespace, target, f":{port}")
    said: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                said.append(line)
                if found := LISTENING.search(line):
                    yield f"http://127.0.0.1:{found[1]}"
                    return
            raise AssertionError("".join(said))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()


def moved_to(cluster: Cluster, *reset: str) -> dict[int, int]:
    """Partition → offset, once `kafka-consumer-groups --reset-offsets` has moved a group, called by kubectl
    with the arguments `reset`. While somebody is in it, nothing is moved, and the tool ends with 0 as well.
    """
    moved: dict[int, int] = {}
    said = ""

    def moves() -> bool:
        nonlocal said
        said = cluster.kubectl(*reset)
        moved.update((int(partition), int(offset)) for partition, offset in MOVED.findall(said))
        return bool(moved)

    eventually(moves, lambda: said)
    return moved


def eventually_says(cluster: Cluster, expected: str, *log: str) -> str:
    """The first line with `expected` in it of `kubectl logs` with the arguments `log`, once there is one."""

    def lines() -> list[str]:
        said = cluster.try_kubectl("logs", *log).stdout
        return [line for line in said.splitlines() if expected in line]

    eventually(lines, lambda: cluster.try_kubectl("logs", *log).stdout[-2000:])
    return lines()[0]
