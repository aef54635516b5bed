"""Load on the to-do system of a cluster, and a ledger of what its notification service has applied.

The load is a pod that creates tasks through the backend's Service, and completes each. The ledger is a table
that a trigger of the database fills, in the transaction of each notification: that it has no row twice is the
service's doing, since no constraint keeps one out.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from engines.cluster.kubectl import Cluster
from support.cluster import eventually, objects

__all__ = ["PATIENCE", "Load", "started_load"]

PATIENCE: Final = 180.0
"""Seconds that events may need to arrive after a fault: sidecars that have ended thrice wait for 40."""
PUBLISHER: Final = """
import http.client, json, pathlib, sys, threading, time, urllib.request

WAITS, TITLE = 0.4, sys.argv[1]
STOP = pathlib.Path("/tmp/stop")

def ask(path, body=None):
    data = json.dumps(body).encode() if body else b""
    asked = urllib.request.Request("http://backend" + path, data, {"content-type": "application/json"})
    while True:
        try:
            with urllib.request.urlopen(asked, timeout=10) as answer:
                return json.load(answer)
        except (OSError, http.client.HTTPException, ValueError) as error:
            tell("failed", repr(error))
            time.sleep(WAITS)

def tell(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\\n")
    sys.stdout.flush()

def publish():
    while not STOP.exists():
        task = ask("/tasks", {"title": TITLE})["id"]
        tell("created", task)
        ask(f"/tasks/{task}/complete")
        tell("completed", task)
        time.sleep(WAITS)

publishers = [threading.Thread(target=publish) for _ in range(4)]
for each in publishers:
    each.start()
for each in publishers:
    each.join()
"""
TASKS: Final = """
import json, sqlite3, sys
database = sqlite3.connect("file:/data/todo.db?mode=ro", timeout=30, uri=True)
select = "SELECT id, completed FROM tasks WHERE title = ?"
print(json.dumps(database.execute(select, sys.argv[1:]).fetchall()))
"""
LEDGER: Final = """
import json, sqlite3, sys
database = sqlite3.connect("file:/data/notifications.db?mode=ro", timeout=30, uri=True)
select = "SELECT action, task_id FROM ledger WHERE title = ?"
print(json.dumps(database.execute(select, sys.argv[1:]).fetchall()))
"""
KEEP_LEDGER: Final = """
import sqlite3
sqlite3.connect("/data/notifications.db", timeout=30).executescript('''
CREATE TABLE ledger (action TEXT, task_id INTEGER, title TEXT);
CREATE TRIGGER into_ledger AFTER INSERT ON notifications
BEGIN INSERT INTO ledger VALUES (NEW.action, NEW.task_id, json_extract(NEW.data, '$.title')); END;
''')
"""


@dataclass(frozen=True)
class Load:
    """What goes on in `namespace`. An event is told by its action and the id of its task."""

    cluster: Cluster
    namespace: str
    title: str
    """Of its tasks, which no others have."""

    def acknowledged(self) -> Counter[tuple[str, int]]:
        """What the backend has answered for. An event is here once it is committed, not before."""
        said = self.cluster.kubectl("logs", "-n", self.namespace, "load").splitlines()
        words = [line.split() for line in said if line.startswith(("created", "completed"))]
        return Counter((action, int(task)) for action, task in words)

    def committed(self) -> set[tuple[str, int]]:
        """What the backend's database says has happened, whether it was answered or not."""
        tasks = self._python("backend", TASKS, self.title)
        return {
            (action, task)
            for task, completed in tasks
            for action in ("created", *(["completed"] if completed else []))
        }

    def applied(self) -> Counter[tuple[str, int]]:
        """What the notification service has applied."""
        return Counter((action, task) for action, task in self._python("notification", LEDGER, self.title))

    def all_arrives(self) -> None:
        """What is committed by now is applied, each event once, and what was answered is committed."""
        answered, committed = self.acknowledged(), self.committed()
        assert set(answered) <= committed
        found: Counter[tuple[str, int]] = Counter()

        def arrived() -> bool:
            found.clear()
            found.update(self.applied())
            return committed <= set(found)

        eventually(arrived, lambda: self._missing(committed - set(found)), patience=PATIENCE)
        ours = {event: found[event] for event in committed}
        assert {event: times for event, times in ours.items() if times != 1} == {}

    def goes_on(self) -> None:
        """The backend commits again: more than it has by now."""
        before = len(self.committed())
        eventually(lambda: len(self.committed()) > before, lambda: "nothing is committed", patience=PATIENCE)

    def stop(self) -> None:
        """Let the publishers come to their end, where they have not yet."""
        (pod,) = objects(self.cluster, "pod", "-n", self.namespace, "load")
        if pod["status"]["phase"] == "Succeeded":
            return
        self.cluster.kubectl("exec", "-n", self.namespace, "load", "--", "touch", "/tmp/stop")
        until = "--for=jsonpath={.status.phase}=Succeeded"
        self.cluster.kubectl("wait", "-n", self.namespace, until, "pod/load", "--timeout=120s")

    def _missing(self, events: set[tuple[str, int]]) -> str:
        logs = [
            self.cluster.try_kubectl(
                "logs", "-n", self.namespace, "-l", f"app={app}", "-c", name, "--tail=15"
            )
            for app, name in (("backend", "backend"), ("notification", "daprd"))
        ]
        return "\n".join([f"lost, or not there yet: {sorted(events)[:20]}", *(each.stdout for each in logs)])

    def _python(self, app: str, program: str, *arguments: str) -> list[Any]:
        """What `program` prints in the app's container, which may just be starting."""
        command = (
            "exec",
            "-n",
            self.namespace,
            f"deployment/{app}",
            "-c",
            app,
            "--",
            "python",
            "-c",
            program,
        )
        said: list[str] = []

        def answered() -> bool:
            done = self.cluster.try_kubectl(*command, *arguments)
            said[:] = [done.stdout if done.returncode == 0 else "", done.stderr]
            return done.returncode == 0

        eventually(answered, lambda: said[1], patience=PATIENCE)
        found: list[Any] = json.loads(said[0]) if said[0] else []
        return found


def started_load(cluster: Cluster, namespace: str) -> Load:
    """Load that goes on until it is stopped. Its pod and its ledger end with the cluster."""
    load = Load(cluster, namespace, f"under load {uuid.uuid4()}")
    load._python("notification", KEEP_LEDGER)
    spec = {
        "automountServiceAccountToken": False,
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "load",
                "image": "todo-backend:0.1.0",
                "command": ["python", "-u", "-c", PUBLISHER, load.title],
            }
        ],
    }
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "load", "namespace": namespace},
        "spec": spec,
    }
    cluster.kubectl("apply", "-f", "-", given=json.dumps(pod))
    cluster.kubectl("wait", "-n", namespace, "--for=condition=Ready", "pod/load", "--timeout=120s")
    load.goes_on()
    return load
