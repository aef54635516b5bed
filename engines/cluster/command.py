"""`dev.py cluster`: a cluster for a person."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from engines.cluster.kubectl import Cluster
from engines.cluster.layout import Run
from engines.cluster.running import all_runs, down, find, up
from engines.problem import EngineProblem

Say = Callable[[str], None]
DEFAULT = "default"
"""The name of a person's cluster; tests have others."""


def start(root: Path, say: Say, port: int) -> int:
    """Start the cluster, or say that it runs; 0. Raises EngineProblem."""
    run = Run.named(root, DEFAULT)
    cluster = find(run)
    if cluster is not None:
        say(f"the cluster runs already, since process {cluster.record.process.pid}; `down` ends it")
    else:
        cluster = up(root, run, say, port=port)
    print(next_steps(cluster), flush=True)
    return 0


def next_steps(cluster: Cluster) -> str:
    """What a person does with a cluster. Pure."""
    return f"""The API is at https://127.0.0.1:{cluster.record.port}, for any kubectl with

    export KUBECONFIG={cluster.kubeconfig}

The to-do system, whose images are there already:

    python3 dev.py cluster kubectl apply -f deploy/kubernetes
    python3 dev.py cluster kubectl rollout status -n todo-chatbot deployment/notification
    python3 dev.py cluster kubectl port-forward -n todo-chatbot deployment/backend 8000:8000

    python3 dev.py cluster down     ends it and removes all it has"""


def stop(root: Path, say: Say) -> int:
    """End the cluster; 0, also when there is none. Raises EngineProblem."""
    there = down(Run.named(root, DEFAULT))
    say("the cluster has ended, and nothing of it is left" if there else "no cluster runs")
    return 0


def status(root: Path, as_json: bool) -> int:
    """Print how it stands with the clusters of this clone; 1 if a person's does not run and answer."""
    states = {run.name: _state(run) for run in all_runs(root)}
    states.setdefault(DEFAULT, {"state": "stopped"})
    if as_json:
        print(json.dumps(states, indent=2))
    else:
        for name, state in sorted(states.items()):
            print(f"{name:<20} {'  '.join(str(each) for each in state.values())}")
    return 0 if states[DEFAULT]["state"] == "ready" else 1


def _state(run: Run) -> dict[str, object]:
    """How it stands with one cluster."""
    cluster = find(run)
    if cluster is None:
        return {"state": "killed"}
    ready = cluster.try_kubectl("get", "--raw", "/readyz", "--request-timeout=5s").returncode == 0
    where = {"api": f"https://127.0.0.1:{cluster.record.port}", "kubeconfig": str(cluster.kubeconfig)}
    return {"state": "ready" if ready else "not ready", **where, "pid": cluster.record.process.pid}


def kubectl(root: Path, arguments: Sequence[str]) -> int:
    """Become kubectl, for a person's cluster. Raises EngineProblem."""
    cluster = find(Run.named(root, DEFAULT))
    if cluster is None:
        raise EngineProblem("no cluster runs: python3 dev.py cluster up")
    command = cluster.command(*arguments)
    sys.stdout.flush()
    os.execv(command[0], command)
