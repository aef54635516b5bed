"""`outboard run --reload`: changed files of a run are applied, and nothing else is restarted."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from support.processes import eventually, free_ports
from support.projects import APP, PUBSUB, Project, Run, publish, running
from support.servers import is_open

SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: declared}
spec: {topic: declared, pubsubname: pubsub, routes: {default: /events}}
scopes: [worker]
"""
POLICIES = """\
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata: {name: policies}
spec:
  policies: {retries: {twice: {policy: constant, duration: 10ms, maxRetries: 2}}}
  targets: {components: {pubsub: {inbound: {retry: twice}}}}
scopes: [worker]
"""
CONFIGURATION = "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: configuration}\n"
SECRETS = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: secrets}
spec:
  type: secretstores.local.file
  version: v1
  metadata: [{name: secretsFile, value: ../secrets.json}]
---
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: store}
spec:
  type: state.in-memory
  version: v1
  metadata: [{name: keyPrefix, secretKeyRef: {name: key, key: key}}]
auth: {secretStore: secrets}
"""
STATE = PUBSUB.replace("name: pubsub", "name: store").replace("pubsub.in-memory", "state.in-memory")


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def topology(run: Run, app: str) -> dict[str, list[str]]:
    """What is told of `app` next."""
    found = run.until(lambda event: event["event"] == "topology" and event["app"] == app)
    return {
        "topics": [each["topic"] for each in found["topics"]],
        "components": [each["name"] for each in found["components"]],
    }


def restarts(run: Run, *apps: str) -> dict[str, list[str]]:
    """What the next reload restarts, and that it is done."""
    done = run.event("reloaded")
    assert sorted(done["apps"]) == sorted(apps)
    return {event["app"]: event["restarts"] for event in run.seen if event["event"] == "reloading"}


def test_the_sidecar_that_loads_a_new_subscription_file_takes_it_as_it_runs(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        sidecar = run.ready()["backend"]
        (project.folder / "components" / "more.yaml").write_text(SUBSCRIPTION, encoding="utf-8")
        reloading = run.event("reloading")
        assert topology(run, "worker")["topics"] == ["declared", "jobs"]
        assert restarts(run, "worker") == {"worker": []}
        assert run.seen[-1]["taken"] == [
            {"app": "worker", "kind": "Subscription", "name": "declared", "change": "created"}
        ]
        publish(sidecar, "declared", n=1)
        assert run.line("EVENT") == "EVENT 1 v1"
        publish(sidecar, "jobs", n=2)
        assert run.line("EVENT") == "EVENT 2 v1"
        assert run.interrupt() == 0
    assert reloading["changed"] == [str(Path("components", "more.yaml"))]
    assert "more.yaml" in reloading["reason"]
    assert [event["event"] for event in run.seen].count("started") == 2


def test_a_broken_file_is_told_with_its_line_and_all_runs_on_until_it_is_mended(project: Project) -> None:
    project.add("worker", topics="jobs")
    pubsub = project.folder / "components" / "pubsub.yaml"
    with running(project, "--reload") as run:
        sidecar = run.ready()["worker"]
        pubsub.write_text(PUBSUB.replace("pubsub.in-memory", "pubsub.in-memry"), encoding="utf-8")
        refused = run.event("reload-refused")
        assert refused["file"].endswith("pubsub.yaml")
        assert refused["line"] == 1
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT") == "EVENT 1 v1"
        pubsub.write_text(PUBSUB + "---\n" + STATE, encoding="utf-8")
        assert topology(run, "worker")["components"] == ["pubsub", "store"]
        assert restarts(run, "worker") == {"worker": []}
        assert run.interrupt() == 0


def test_a_run_file_that_is_no_yaml_is_told_with_its_line(project: Project) -> None:
    project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        run.ready()
        good = project.write().read_text(encoding="utf-8")
        project.write().write_text(good + "  - appID: [\n", encoding="utf-8")
        refused = run.event("reload-refused")
        project.write()
        assert "nothing has to restart" in run.event("note")["text"]
        assert run.interrupt() == 0
    assert refused["file"].endswith("dapr.yaml")
    assert refused["line"] > 1
    assert not [event for event in run.seen if event["event"] == "reloading"]


def test_a_changed_run_file_restarts_what_it_changes_starts_what_is_new_and_ends_what_is_gone(
    project: Project,
) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    project.add("old")
    with running(project, "--reload") as run:
        sidecars = run.ready()
        old = project.ports["old"]
        project.apps[1] = project.apps[1].replace('"jobs"', '"jobs more"')
        del project.apps[2]
        project.add("new", topics="news")
        project.write()
        assert restarts(run, "worker", "new") == {
            "old": ["app", "sidecar"],
            "worker": ["app", "sidecar"],
            "new": ["app", "sidecar"],
        }
        assert not is_open(old)
        publish(sidecars["backend"], "more", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        publish(sidecars["backend"], "news", n=2)
        assert run.line("EVENT", "new") == "EVENT 2 v1"
        assert run.interrupt() == 0
    started = [event["app"] for event in run.seen if event["event"] == "started"]
    assert sorted(started) == ["backend", "new", "old", "worker", "worker"]


def test_ports_that_nobody_chose_and_tokens_stay_over_a_reload(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    chosen = "".join(project.apps)
    project.apps = ["".join(line + "\n" for line in chosen.splitlines() if "daprHTTP" not in line)]
    with running(project, "--reload") as run:
        before = run.ready()
        project.apps[0] = project.apps[0].replace('"jobs"', '"jobs more"')
        project.write()
        restarts(run, "worker")
        publish(before["worker"], "more", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        told = [event["line"] for event in run.seen if "DAPR_HTTP_PORT" in event.get("line", "")]
        assert run.interrupt() == 0
    assert len([line for line in told if "worker" in line]) == 2
    assert len({line for line in told if "worker" in line}) == 1


def test_subscriptions_that_a_restarted_app_adds_count(project: Project) -> None:
    program = project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        sidecar = run.ready()["worker"]
        more = APP.replace("for topic in topics]", "for topic in [*topics, 'more']]")
        program.write_text(more, encoding="utf-8")
        assert topology(run, "worker")["topics"] == ["jobs", "more"]
        restarts(run, "worker")
        publish(sidecar, "more", n=1)
        assert run.line("EVENT") == "EVENT 1 v1"
        assert run.interrupt() == 0


def test_a_file_that_another_app_has_alone_does_not_restart_an_app(project: Project) -> None:
    """`shop` is in the folder around that of `worker`, and the components are in it as well."""
    program = project.add("worker", topics="jobs")
    (project.folder / "app.py").write_text(APP, encoding="utf-8")
    port, http_port, grpc_port = free_ports(3)
    project.apps.append(
        f"  - appID: shop\n    appDirPath: .\n    appPort: {port}\n    daprHTTPPort: {http_port}\n"
        f"    daprGRPCPort: {grpc_port}\n    command: [python, app.py]\n"
    )
    with running(project, "--reload") as run:
        run.ready()
        program.write_text(APP.replace('"v1"', '"v2"'), encoding="utf-8")
        assert run.event("reloading")["app"] == "worker"
        (project.folder / "components" / "store.yaml").write_text(STATE, encoding="utf-8")
        run.event("reloaded")
        assert run.interrupt() == 0
    started = [event["app"] for event in run.seen if event["event"] == "started"]
    assert sorted(started) == ["shop", "worker", "worker"]


def unreachable() -> str:
    """What only a connection tells: nothing listens where the broker should be."""
    (nobody,) = free_ports(1)
    return (
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: other}\n"
        "spec:\n  type: pubsub.redis\n  version: v1\n  metadata:\n"
        f"    - {{name: redisHost, value: 'localhost:{nobody}'}}\n"
        "    - {name: redisMaxRetries, value: '0'}\nscopes: [worker]\n"
    )


def test_what_cannot_be_set_up_changes_nothing_for_the_app_that_loads_it(project: Project) -> None:
    project.add("backend")
    project.add("worker", topics="jobs")
    pubsub = project.folder / "components" / "pubsub.yaml"
    with running(project, "--reload") as run:
        sidecars = run.ready()
        pubsub.write_text(PUBSUB + "---\n" + unreachable(), encoding="utf-8")
        refused = run.event("reload-refused")
        assert (refused["apps"], refused["line"]) == (["worker"], 6)
        assert refused["file"].endswith("pubsub.yaml")
        publish(sidecars["backend"], "jobs", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        pubsub.write_text(PUBSUB + "---\n" + STATE, encoding="utf-8")
        assert restarts(run, "worker", "backend") == {"worker": [], "backend": []}
        assert run.interrupt() == 0


def test_a_sidecar_that_does_not_start_after_a_change_waits_for_the_next_one(project: Project) -> None:
    """Policies are read as a sidecar starts, and what is beside them fails then."""
    project.add("backend")
    project.add("worker", topics="jobs")
    pubsub = project.folder / "components" / "pubsub.yaml"
    with running(project, "--reload") as run:
        sidecars = run.ready()
        broken = "---\n".join((PUBSUB, unreachable(), POLICIES))
        pubsub.write_text(broken, encoding="utf-8")
        failed = run.event("sidecar-failed")
        assert (failed["app"], failed["line"]) == ("worker", 6)
        assert httpx.get(f"{sidecars['backend']}/v1.0/healthz", trust_env=False).status_code == 204
        pubsub.write_text(PUBSUB, encoding="utf-8")
        restarts(run, "worker")
        publish(sidecars["backend"], "jobs", n=1)
        assert run.line("EVENT", "worker") == "EVENT 1 v1"
        assert run.interrupt() == 0


def test_the_record_of_the_run_has_the_apps_as_they_are(project: Project) -> None:
    import json

    project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        run.ready()
        project.add("late")
        project.write()
        run.event("reloaded")

        def recorded() -> dict[str, int]:
            (file,) = (project.folder / ".outboard" / "runs").glob("*/run.json")
            apps = json.loads(file.read_text(encoding="utf-8"))["apps"]
            return {app["app_id"]: app["app_port"] for app in apps}

        eventually(lambda: recorded() == project.ports, lambda: f"recorded: {recorded()}")
        assert run.interrupt() == 0


def test_policies_and_a_configuration_that_is_named_restart_the_sidecar(project: Project) -> None:
    configuration = project.folder / "configuration.yaml"
    configuration.write_text(CONFIGURATION, encoding="utf-8")
    project.add("worker", topics="jobs", more="    configFilePath: ../configuration.yaml\n")
    with running(project, "--reload") as run:
        sidecar = run.ready()["worker"]
        (project.folder / "components" / "policies.yaml").write_text(POLICIES, encoding="utf-8")
        assert restarts(run, "worker") == {"worker": ["sidecar"]}
        run.seen.clear()
        configuration.write_text(CONFIGURATION + "spec: {features: []}\n", encoding="utf-8")
        assert restarts(run, "worker") == {"worker": ["sidecar"]}
        publish(sidecar, "jobs", n=1)
        assert run.line("EVENT") == "EVENT 1 v1"
        assert run.interrupt() == 0


def test_a_sidecar_whose_configuration_does_not_want_hot_reload_restarts(project: Project) -> None:
    off = CONFIGURATION + "spec: {features: [{name: HotReload, enabled: false}]}\n"
    (project.folder / "configuration.yaml").write_text(off, encoding="utf-8")
    project.add("worker", topics="jobs", more="    configFilePath: ../configuration.yaml\n")
    with running(project, "--reload") as run:
        run.ready()
        (project.folder / "components" / "store.yaml").write_text(STATE, encoding="utf-8")
        assert restarts(run, "worker") == {"worker": ["sidecar"]}
        assert run.interrupt() == 0


def test_a_file_of_secrets_is_followed_and_who_gets_another_one_begins_anew(project: Project) -> None:
    secrets = project.folder / "secrets.json"
    secrets.write_text('{"key": "before"}', encoding="utf-8")
    (project.folder / "components" / "secrets.yaml").write_text(SECRETS, encoding="utf-8")
    project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        secret = f"{run.ready()['worker']}/v1.0/secrets/secrets/key"
        assert httpx.get(secret, trust_env=False).json() == {"key": "before"}
        secrets.write_text("{", encoding="utf-8")
        refused = run.event("reload-refused")
        assert "secrets.json:1: not valid JSON" in refused["text"]
        assert httpx.get(secret, trust_env=False).json() == {"key": "before"}
        secrets.write_text('{"key": "after"}', encoding="utf-8")
        assert restarts(run, "worker") == {"worker": []}
        changed = [(each["name"], each["change"]) for each in run.seen[-1]["taken"]]
        assert changed == [("secrets", "updated"), ("store", "updated")]
        assert httpx.get(secret, trust_env=False).json() == {"key": "after"}
        secrets.write_text('{"key": "after"}\n', encoding="utf-8")
        run.event("reloaded")
        assert run.interrupt() == 0
    assert not [event for event in run.seen if event["event"] == "reloading" and event["restarts"]]


def test_what_is_only_written_elsewhere_changes_nothing(project: Project) -> None:
    project.add("worker", topics="jobs")
    with running(project, "--reload") as run:
        run.ready()
        pubsub = project.folder / "components" / "pubsub.yaml"
        pubsub.write_text("# a comment\n" + PUBSUB, encoding="utf-8")
        assert "nothing has to restart" in run.event("note")["text"]
        assert run.interrupt() == 0
    assert not [event for event in run.seen if event["event"] in {"reloading", "reloaded"}]
