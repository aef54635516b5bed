"""Clients of the to-do system, each on a connection of its own: tasks are created, and each is completed.

    python todo_client.py HOST PORT CLIENTS TASKS_EACH

It is also given to a pod as a text, so that it needs the standard library alone.
"""

from __future__ import annotations

import http.client
import json
import sys
import threading
import time


def main(host: str, port: int, clients: int, tasks: int) -> None:
    times: list[float] = []
    failed: list[str] = []

    def work() -> None:
        connection = http.client.HTTPConnection(host, port, timeout=60)
        for _ in range(tasks):
            task = post(connection, "/tasks", b'{"title": "load"}')["id"]
            post(connection, f"/tasks/{task}/complete", b"")

    def post(connection: http.client.HTTPConnection, path: str, body: bytes) -> dict[str, int]:
        began = time.perf_counter()
        while True:
            try:
                connection.request("POST", path, body, {"content-type": "application/json"})
                answer = connection.getresponse()
                content = answer.read()
                if answer.status < 300:
                    break
                failed.append(str(answer.status))  # SQLite may keep a writer waiting for too long
            except (OSError, http.client.HTTPException) as error:
                failed.append(type(error).__name__)
                connection.close()
                time.sleep(0.5)
        times.append(time.perf_counter() - began)
        found: dict[str, int] = json.loads(content)
        return found

    threads = [threading.Thread(target=work) for _ in range(clients)]
    started = time.time()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    if len(times) != 2 * clients * tasks:
        raise SystemExit(f"only {len(times)} of {2 * clients * tasks} requests were answered")
    times.sort()
    told = {
        "started": started,
        "ended": time.time(),
        "p50": times[len(times) // 2],
        "p99": times[len(times) * 99 // 100],
        "failed": len(failed),
    }
    print(json.dumps(told), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
