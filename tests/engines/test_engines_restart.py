"""A test may crash PostgreSQL, the Kubernetes API server and Chromium: what they had is there afterwards.

Kafka and Redis are asked the same in `test_brokers_answer`.
"""

from __future__ import annotations

import psycopg
import pytest
from playwright.sync_api import Browser, Error

from support.chromium import ChromiumServer
from support.kubernetes import Cluster
from support.postgresql import PostgresqlServer


def execute(server: PostgresqlServer, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.conninfo("postgres"), autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def test_postgresql_keeps_what_it_committed_over_a_crash(own_postgresql: PostgresqlServer) -> None:
    port, pid = own_postgresql.port, own_postgresql.pid
    execute(own_postgresql, "CREATE TABLE task (title text)")
    with psycopg.connect(own_postgresql.conninfo("postgres")) as open_at_the_crash:
        open_at_the_crash.execute(b"INSERT INTO task VALUES ('not committed')")
        execute(own_postgresql, "INSERT INTO task VALUES ('committed')")
        own_postgresql.kill()
        assert not own_postgresql.running
        with pytest.raises(psycopg.OperationalError):
            execute(own_postgresql, "SELECT 1")
        own_postgresql.start()
        open_at_the_crash.close()

    assert (own_postgresql.port, own_postgresql.pid != pid) == (port, True)
    assert execute(own_postgresql, "SELECT title FROM task") == [("committed",)]


def test_postgresql_stops_though_somebody_is_connected(own_postgresql: PostgresqlServer) -> None:
    with psycopg.connect(own_postgresql.conninfo("postgres")) as connection:
        own_postgresql.stop()
        assert not own_postgresql.running
        connection.close()
    own_postgresql.start()
    assert execute(own_postgresql, "SELECT 1") == [(1,)]


def test_the_kubernetes_api_server_keeps_what_it_took_over_a_crash(own_kubernetes: Cluster) -> None:
    namespace = own_kubernetes.add_namespace()
    own_kubernetes.api.kill()
    assert own_kubernetes.try_kubectl("get", "namespaces").returncode != 0
    own_kubernetes.api.start()
    assert namespace in own_kubernetes.kubectl("get", "namespaces", "-o", "name")
    own_kubernetes.add_pod(namespace, "backend", ["backend"])


def shown(browser: Browser, address: str, script: str) -> object:
    """What `script` gives in a page at `address`."""
    page = browser.contexts[0].new_page()
    page.goto(address)
    found: object = page.evaluate(script)
    page.close()
    return found


def test_chromium_crashes_and_runs_pages_again(own_chromium: ChromiumServer) -> None:
    with own_chromium.connected() as browser:
        page = browser.contexts[0].new_page()
        own_chromium.kill()
        with pytest.raises(Error):
            page.title()
    own_chromium.start()
    with own_chromium.connected() as browser:
        assert shown(browser, "data:text/html,<title>again</title>", "document.title") == "again"
