"""Two replicas of the notification service on one PostgreSQL, in a namespace of their own.

They are a consumer group of their own, so that they take what the to-do system publishes beside its own
notification service. What they have applied is in a ledger that a trigger of the database fills, in the
transaction of each notification; no constraint keeps a second row of an event out of it.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from engines.cluster.kubectl import Cluster
from support.broken_deployments import documents
from support.cluster import eventually, moved_to, objects, rolled_out
from support.cluster_load import PATIENCE

__all__ = ["NAMESPACE", "Replicas"]

NAMESPACE: Final = "replicas"
USER: Final = "outboard"
DATA: Final = "/tmp/data"
KEEP_LEDGER: Final = """
CREATE TABLE ledger (action text, task_id bigint, title text);
CREATE FUNCTION into_ledger() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO ledger VALUES (NEW.action, NEW.task_id, NEW.data->>'title');
  RETURN NEW;
END $$;
CREATE TRIGGER into_ledger AFTER INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION into_ledger();
"""


@dataclass(frozen=True)
class Replicas:
    """`programs` is the folder of PostgreSQL's on this machine; below /usr, which its pod sees too."""

    cluster: Cluster
    programs: Path

    def start(self) -> None:
        """Start the database, and then both replicas at once: the database is empty. They begin behind
        what is on the topic, since another test has left a record there that no sidecar gets past."""
        namespace, component, deployment = documents(NAMESPACE)
        self._apply(namespace, component, *self._database())
        self.cluster.kubectl(
            "wait", "-n", NAMESPACE, "--for=condition=Ready", "pod/database", "--timeout=120s"
        )
        groups = "/opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server localhost:9092"
        behind = f"--group {NAMESPACE} --topic task-events --reset-offsets --to-latest --execute"
        moved_to(
            self.cluster, "exec", "-n", "kafka", "kafka-broker-0", "--", *groups.split(), *behind.split()
        )
        deployment["spec"]["replicas"] = 2
        container = deployment["spec"]["template"]["spec"]["containers"][0]
        url = next(each for each in container["env"] if each["name"] == "DATABASE_URL")
        url["value"] = f"postgresql://{USER}@database/postgres"
        self._apply(deployment)

    def wait(self) -> None:
        """Return once both are ready."""
        rolled_out(self.cluster, NAMESPACE, "deployment/notification")

    def pods(self) -> list[dict[str, Any]]:
        """Both of them."""
        return objects(self.cluster, "pods", "-n", NAMESPACE, "-l", "app=notification")

    def said(self, pod: dict[str, Any]) -> str:
        """What the service in one of the pods has said, in its first run too."""
        log = ("logs", "-n", NAMESPACE, pod["metadata"]["name"], "-c", "notification", "--tail=-1")
        return self.cluster.kubectl(*log) + self.cluster.try_kubectl(*log, "--previous").stdout

    def keep_ledger(self) -> None:
        """From now on it is written down what is applied."""
        self._sql(KEEP_LEDGER)

    def applied(self, title: str) -> Counter[tuple[str, int]]:
        """The events of the tasks of that title: action and id of the task → how many times."""
        told = self._sql(
            f"SELECT action, task_id, count(*) FROM ledger WHERE title = '{title}' GROUP BY 1, 2"
        )
        rows = (line.split("|") for line in told.splitlines())
        return Counter({(action, int(task)): int(times) for action, task, times in rows})

    def once_applied(self, title: str, events: Set[tuple[str, int]]) -> Counter[tuple[str, int]]:
        """As `applied`, once all of `events` are."""
        found: Counter[tuple[str, int]] = Counter()

        def arrived() -> bool:
            found.clear()
            found.update(self.applied(title))
            return events <= set(found)

        eventually(
            arrived, lambda: f"lost, or not there yet: {sorted(events - set(found))[:20]}", patience=PATIENCE
        )
        return found

    def containers_of(self, pod: dict[str, Any]) -> list[dict[str, Any]]:
        """How it stands with the containers of one of the pods."""
        (now,) = objects(self.cluster, "pod", "-n", NAMESPACE, pod["metadata"]["name"])
        statuses: list[dict[str, Any]] = now["status"]["containerStatuses"]
        return statuses

    def end(self) -> None:
        """They go in the background."""
        self.cluster.kubectl("delete", "namespace", "--wait=false", "--ignore-not-found", NAMESPACE)

    def _sql(self, statement: str) -> str:
        psql = [
            f"{self.programs / 'psql'}",
            "-h",
            "localhost",
            "-U",
            USER,
            "-d",
            "postgres",
            "-v",
            "ON_ERROR_STOP=1",
        ]
        return self.cluster.kubectl("exec", "-n", NAMESPACE, "database", "--", *psql, "-Atc", statement)

    def _apply(self, *made: dict[str, Any]) -> None:
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": made})
        self.cluster.kubectl("apply", "-f", "-", given=text)

    def _database(self) -> list[dict[str, Any]]:
        """The pod and its Service. No image has PostgreSQL: the pod sees the programs of this machine."""
        script = (
            f"{self.programs}/initdb -D {DATA} -A trust -U {USER} -E UTF8 --no-locale --no-sync && "
            f"echo host all all all trust >> {DATA}/pg_hba.conf && "
            f"exec {self.programs}/postgres -D {DATA} -h '*' -k /tmp -c fsync=off"
        )
        container = {
            "name": "postgresql",
            "image": "todo-notification:0.1.0",
            "command": ["sh", "-c", script],
            "readinessProbe": {
                "exec": {"command": [f"{self.programs}/pg_isready", "-h", "localhost"]},
                "periodSeconds": 1,
            },
            "volumeMounts": [{"name": "programs", "mountPath": "/usr", "readOnly": True}],
        }
        spec = {
            "automountServiceAccountToken": False,
            "terminationGracePeriodSeconds": 1,
            "containers": [container],
            "volumes": [{"name": "programs", "hostPath": {"path": "/usr"}}],
        }
        named = {"name": "database", "namespace": NAMESPACE, "labels": {"app": "database"}}
        ports = [{"port": 5432}]
        service = {"selector": {"app": "database"}, "ports": ports}
        return [
            {"apiVersion": "v1", "kind": "Pod", "metadata": named, "spec": spec},
            {"apiVersion": "v1", "kind": "Service", "metadata": named, "spec": service},
        ]
