"""What follows from what was seen of a cluster."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from outboard.doctor.cluster_evidence import (
    BrokerPod,
    ClusterSeen,
    ContainerSeen,
    LogSeen,
    PodSeen,
    ResourceSeen,
    SecretReference,
    SecretSeen,
    ServiceSeen,
    Unseen,
)
from outboard.doctor.evidence import (
    AppSeen,
    Evidence,
    HttpAnswer,
    Metadata,
    SidecarLine,
    SidecarSeen,
    SubscriptionSeen,
)
from outboard.doctor.examination import Examination
from outboard.doctor.results import CheckResult, Status
from outboard.doctor.walk import diagnose

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SERVICES = (
    "dapr-operator",
    "dapr-placement-server",
    "dapr-scheduler-server",
    "dapr-sentry",
    "dapr-sidecar-injector",
)
TASKS = SubscriptionSeen("kafka-pubsub", "task-events", (("", "/tasks"),), source="the app")
COMPONENT = ResourceSeen(
    "Component",
    "kafka-pubsub",
    "todo",
    type="pubsub.kafka",
    items=("brokers", "authType"),
    addresses=(("brokers", "kafka:9092"),),
    auth_type="none",
)
BROKER = BrokerPod("kafka-0", "todo", "pubsub.kafka", 9092, image="apache/kafka:4.3.1")
SERVICE = ServiceSeen(
    "kafka-pubsub", "kafka:9092", "kafka", "todo", exists=True, ports=(9092,), endpoints=1, pod=BROKER
)


def control(service: str, *, created: datetime = NOW - timedelta(days=1), ready: bool = True) -> PodSeen:
    return PodSeen(f"{service}-0", "dapr-system", "Running", ready, created, (("app", service),))


def pod(app: str, *containers: ContainerSeen, **annotations: str) -> PodSeen:
    """With its sidecar, all well. Annotations of Dapr are written with an underscore for each hyphen."""
    given = {"enabled": "true", "app-id": app, "app-port": "8000"}
    given["disable-builtin-k8s-secret-store"] = "true"
    given |= {name.replace("_", "-"): value for name, value in annotations.items()}
    return PodSeen(
        f"{app}-0",
        "todo",
        "Running",
        ready=True,
        created=NOW,
        labels=(("app", app),),
        annotations=tuple((f"dapr.io/{name}", value) for name, value in given.items()),
        containers=containers
        or (ContainerSeen(app, ready=True, running=True), ContainerSeen("daprd", ready=True, running=True)),
    )


def app(name: str, *subscribed: SubscriptionSeen) -> AppSeen:
    metadata = Metadata(name, "1.18.5", (("kafka-pubsub", "pubsub.kafka"),), subscribed, 8000)
    sidecar = SidecarSeen(HttpAnswer(204), HttpAnswer(204), HttpAnswer(200), metadata)
    return AppSeen(
        name,
        8000,
        3500,
        listening=True,
        subscribe=HttpAnswer(200),
        subscribed=subscribed,
        sidecar=sidecar,
        pod=f"{name}-0",
    )


def log(app: str, container: str, *lines: str) -> LogSeen:
    return LogSeen(f"{app}-0", container, lines)


CLUSTER = ClusterSeen(
    "todo",
    user="admin",
    namespace_exists=True,
    definitions=True,
    control_plane=tuple(map(control, SERVICES)),
    pods=(pod("backend"), pod("worker")),
    workloads=(),
    resources=(COMPONENT,),
    services=(SERVICE,),
    logs=(
        log("backend", "daprd", "dapr initialized"),
        log("backend", "backend", "Published to task-events: created"),
        log("worker", "daprd", "dapr initialized"),
        log("worker", "worker", "TASK EVENT RECEIVED"),
    ),
)
APPS = (app("backend"), app("worker", TASKS))


def seen(*apps: AppSeen, **changes: object) -> Evidence:
    return Evidence("namespace todo", NOW, apps or APPS, cluster=replace(CLUSTER, **changes))  # type: ignore[arg-type]


def checks(evidence: Evidence, code: str) -> list[CheckResult]:
    return [each for each in diagnose(evidence).all_checks if each.code == code]


def told(evidence: Evidence, status: Status) -> set[str]:
    return {each.code for each in diagnose(evidence).all_checks if each.status is status}


def commands(evidence: Evidence, code: str) -> set[str]:
    return {each.command.bash for each in checks(evidence, code) if each.command}


def test_an_intact_system_passes() -> None:
    assert told(seen(), Status.FAILED) | told(seen(), Status.WARNING) == set()
    assert told(seen(), Status.UNKNOWN) == {"event-stored"}


def test_the_commands_are_those_that_a_person_knows() -> None:
    assert commands(seen(), "event-published") == {
        'kubectl logs -l app=backend -n todo -c backend --tail=-1 | grep "Published"'
    }
    assert commands(seen(), "resource-namespace") == {"kubectl get components -n todo"}
    assert 'kubectl logs -l app=worker -n todo -c daprd --tail=-1 | grep "Component loaded"' in commands(
        seen(), "log-component"
    )
    assert 'kubectl logs -l app=worker -n todo -c daprd --tail=100 | grep "subscribed"' in commands(
        seen(), "log-subscribed"
    )
    assert commands(seen(), "event-received") == {
        'kubectl logs -l app=worker -n todo -c worker --tail=50 | grep "EVENT RECEIVED"'
    }
    powershell = checks(seen(), "event-received")[0].command
    assert powershell is not None
    assert powershell.powershell.endswith('| Select-String "EVENT RECEIVED"')


def test_they_go_by_the_label_that_a_pod_has_whatever_it_is() -> None:
    renamed = replace(pod("worker"), labels=(("app", "wroker"),))
    assert commands(seen(pods=(renamed,)), "log-component") == {
        'kubectl logs -l app=wroker -n todo -c daprd --tail=-1 | grep "Component loaded"'
    }
    bare = replace(pod("worker"), labels=())
    assert commands(seen(pods=(bare,)), "log-component") == {
        'kubectl logs worker-0 -n todo -c daprd --tail=-1 | grep "Component loaded"'
    }


def test_they_name_the_cluster_that_was_looked_at() -> None:
    evidence = seen(context="--context prod --kubeconfig my.config")
    assert commands(evidence, "resource-namespace") == {
        "kubectl --context prod --kubeconfig my.config get components -n todo"
    }


@pytest.mark.parametrize(
    ("image", "tool"),
    [
        ("apache/kafka:4.3.1", "/opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server"),
        ("quay.io/strimzi/kafka:0.50.0", "/opt/kafka/bin/kafka-console-consumer.sh --bootstrap-server"),
        ("docker.io/bitnamilegacy/kafka:4.0.0", "kafka-console-consumer.sh --bootstrap-server"),
        ("registry:5000/confluentinc/cp-kafka", "kafka-console-consumer --bootstrap-server"),
        ("", "kafka-console-consumer --bootstrap-server"),
    ],
)  # fmt: skip
def test_the_console_consumer_is_that_of_the_broker_s_image(image: str, tool: str) -> None:
    service = replace(SERVICE, pod=replace(BROKER, image=image))
    rest = "localhost:9092 --topic task-events --from-beginning --max-messages 5 --timeout-ms 10000"
    assert commands(seen(services=(service,)), "event-stored") == {
        f"kubectl exec -n todo kafka-0 -- {tool} {rest}"
    }


def test_that_the_console_consumer_ends_with_an_exception_is_said_to_be_normal() -> None:
    (found,) = checks(seen(), "event-stored")
    assert "TimeoutException, which is normal" in found.evidence[-1]
    redis = replace(BROKER, name="redis-0", kind="pubsub.redis", image="redis:7")
    (found,) = checks(seen(services=(replace(SERVICE, pod=redis),)), "event-stored")
    assert len(found.evidence) == 1


def test_other_brokers_have_other_tools() -> None:
    redpanda = replace(BROKER, image="redpandadata/redpanda:v25", container="redpanda")
    assert commands(seen(services=(replace(SERVICE, pod=redpanda),)), "event-stored") == {
        "kubectl exec -n todo kafka-0 -c redpanda -- rpk topic consume task-events --offset start --num 5"
    }
    redis = replace(BROKER, name="redis-0", kind="pubsub.redis", image="redis:7")
    assert commands(seen(services=(replace(SERVICE, pod=redis),)), "event-stored") == {
        "kubectl exec -n todo redis-0 -- redis-cli XRANGE task-events - + COUNT 5"
    }


def test_the_topic_of_a_subscription_in_code_is_asked_for_too() -> None:
    declared = ResourceSeen(
        "Subscription", "orders", "todo", scopes=("worker",), target=("kafka-pubsub", "orders")
    )
    both = app("worker", TASKS, SubscriptionSeen("kafka-pubsub", "orders", source="Subscription 'orders'"))
    evidence = seen(app("backend"), both, resources=(COMPONENT, declared))
    assert {each.subject for each in checks(evidence, "event-stored")} == {"task-events", "orders"}


def test_where_nobody_says_that_it_has_published_those_are_asked_that_take_nothing() -> None:
    logs = tuple(each for each in CLUSTER.logs if each.container == "daprd")
    silent = (*logs, log("backend", "backend", "up"), log("worker", "worker", "up"))
    evidence = seen(logs=silent)
    assert [(each.subject, each.status) for each in checks(evidence, "event-published")] == [
        ("backend", Status.UNKNOWN)
    ]
    assert [(each.subject, each.status) for each in checks(evidence, "event-received")] == [
        ("worker", Status.UNKNOWN)
    ]
    assert diagnose(evidence).success


@pytest.mark.parametrize(
    ("container", "line"),
    [
        ("daprd", "application protocol: http. waiting on port 8000.  This will block until the app listens"),
        ("worker", "INFO: waiting for the sidecar"),
    ],
)
def test_who_waits_for_whom_is_told_instead_of_that_the_pod_is_not_ready(container: str, line: str) -> None:
    late = replace(
        pod("worker"),
        ready=False,
        containers=(ContainerSeen("worker", running=True), ContainerSeen("daprd", running=True)),
    )
    others = [each for each in CLUSTER.logs if (each.pod, each.container) != ("worker-0", container)]
    logs = (*others, log("worker", container, "INFO: starting", line))
    evidence = seen(pods=(pod("backend"), late), logs=logs)
    assert told(evidence, Status.FAILED) == {"log-wait"}
    assert checks(evidence, "log-wait")[1].evidence == (line,)
    over = seen(pods=(pod("backend"), late), logs=(*others, log("worker", container, line, "it is up")))
    assert told(over, Status.FAILED) == {"pod-ready"}


@pytest.mark.parametrize(
    ("image", "traps"),
    [
        ("daprio/daprd:1.16.0", 2),
        ("docker.io/daprio/daprd:1.18.2-mariner", 1),
        ("registry:5000/daprd:v1.18.2", 1),
        ("daprio/daprd:1.18.5", 0),
        ("daprio/daprd:edge", 0),
        ("registry:5000/daprd", 0),
        ("daprio/daprd@sha256:abc", 0),
    ],
)
def test_what_is_known_of_the_version_of_a_sidecar_is_told(image: str, traps: int) -> None:
    containers = (
        ContainerSeen("worker", ready=True, running=True),
        ContainerSeen("daprd", image, ready=True, running=True),
    )
    (found,) = checks(seen(pods=(pod("worker", *containers),)), "control-version")
    assert len(found.evidence) == traps
    assert found.status is (Status.WARNING if traps else Status.PASSED)
    assert found.command is not None
    assert found.command.bash == "kubectl get pod worker-0 -n todo -o jsonpath={..image}"


def test_an_injector_that_came_after_the_pod_is_told() -> None:
    bare = pod("worker", ContainerSeen("worker", ready=True, running=True))
    young = tuple(
        control(each, created=NOW + timedelta(hours=1)) if each == "dapr-sidecar-injector" else control(each)
        for each in SERVICES
    )
    (found,) = checks(seen(pods=(bare,), control_plane=young), "injection-sidecar")
    assert found.status is Status.FAILED
    assert found.evidence[1] == "it was made at 03:04:05, and the injector came at 04:04:05, later"
    (found,) = checks(seen(pods=(bare,)), "injection-sidecar")
    assert len(found.evidence) == 1


def test_without_dapr_s_definitions_nothing_further_is_looked_into() -> None:
    evidence = seen(definitions=False, resources=None)
    assert told(evidence, Status.FAILED) == {"control-definitions"}
    (found,) = checks(evidence, "control-definitions")
    assert "dapr init --kubernetes" in found.fix
    assert found.command is not None
    assert found.command.bash.startswith("kubectl get crd components.dapr.io")
    assert checks(seen(definitions=None), "control-definitions") == []


def test_placement_and_scheduler_may_be_absent() -> None:
    some = tuple(control(each) for each in SERVICES if "placement" not in each and "scheduler" not in each)
    evidence = seen(control_plane=some)
    assert diagnose(evidence).success
    assert told(evidence, Status.WARNING) == {"control-ready"}


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        (replace(SERVICE, exists=False, external="kafka.todo"), {"service-there"}),
        (replace(SERVICE, external="kafka.todo", endpoints=0), {"service-endpoints"}),
        (replace(SERVICE, external="broker.example.org", endpoints=None, ports=()), set()),
        (replace(SERVICE, exists=None), set()),
    ],
)
def test_a_service_that_is_the_name_of_another_is_followed(service: ServiceSeen, expected: set[str]) -> None:
    evidence = seen(services=(service,))
    assert told(evidence, Status.FAILED) == expected
    if expected == {"service-there"}:
        assert "which kafka.todo leads to" in checks(evidence, "service-there")[0].evidence[0]


def test_a_topic_that_a_resource_and_an_app_subscribe_to_is_told() -> None:
    declared = replace(TASKS, source="Subscription 'tasks'")
    twice = replace(app("worker", TASKS), in_files=(declared,))
    evidence = seen(app("backend"), twice)
    assert told(evidence, Status.WARNING) == {"subscription-twice"}
    (found,) = checks(evidence, "subscription-twice")
    assert "Subscription 'tasks' and by the app itself" in found.evidence[0]
    assert found.subject == "worker"
    assert found.command is not None
    assert "port-forward -n todo pod/worker-0 8000:8000" in found.command.bash
    assert "Stop-Process" in found.command.powershell


@pytest.mark.parametrize(
    ("group", "topic", "status"),
    [
        ("todo-group", "task-events", Status.FAILED),
        ("todo-group", "done-events", Status.WARNING),
        ("group-{appID}", "task-events", None),
        ("{podName}", "task-events", None),
        ("", "task-events", None),
    ],
)
def test_two_apps_in_one_group_are_told(group: str, topic: str, status: Status | None) -> None:
    component = replace(COMPONENT, consumer_group=group)
    both = (app("backend", replace(TASKS, topic=topic)), app("worker", TASKS))
    found = checks(seen(*both, resources=(component,)), "group-shared")
    assert [each.status for each in found] == ([status] if status else [])
    if status is not None:
        assert found[0].subject == "backend, worker"
        assert "todo-group" in found[0].evidence[0]


def test_one_app_in_a_group_of_a_name_is_well() -> None:
    component = replace(COMPONENT, consumer_group="todo-group")
    two_pods = (app("worker", TASKS), replace(app("worker", TASKS), pod="worker-1"))
    found = checks(seen(*two_pods, resources=(component,)), "group-shared")
    assert [each.status for each in found] == [Status.PASSED]


def test_what_is_so_in_two_pods_of_an_app_is_said_once() -> None:
    one = replace(app("worker", TASKS), subscribe=HttpAnswer(500))
    (found,) = checks(seen(one, replace(one, pod="worker-1")), "subscribe-answers")
    assert (found.subject, found.status) == ("worker", Status.FAILED)
    other = replace(one, pod="worker-1", subscribe=HttpAnswer(400))
    assert len(checks(seen(one, other), "subscribe-answers")) == 2


def test_a_token_stands_in_commands_as_the_variable_that_holds_it() -> None:
    secured = replace(app("worker", TASKS), needs_app_token=True, subscribe=HttpAnswer(401))
    (found,) = checks(seen(secured), "subscribe-answers")
    assert found.command is not None
    assert "dapr-api-token: $APP_API_TOKEN" in found.command.bash
    assert "$env:APP_API_TOKEN" in found.command.powershell


def test_a_sidecar_that_listens_to_others_needs_a_token() -> None:
    wide = pod("worker", sidecar_listen_addresses="127.0.0.1,0.0.0.0")
    assert told(seen(pods=(wide,)), Status.WARNING) == {"injection-exposed"}
    secured = pod("worker", sidecar_listen_addresses="0.0.0.0", api_token_secret="token")
    assert "injection-exposed" in told(seen(pods=(secured,)), Status.PASSED)
    narrow = pod("worker", sidecar_listen_addresses="[::1],127.0.0.1")
    assert "injection-exposed" in told(seen(pods=(narrow,)), Status.PASSED)


def test_a_sidecar_that_reads_secrets_needs_the_token_of_its_account() -> None:
    bare = pod("worker", disable_builtin_k8s_secret_store="false")
    assert told(seen(pods=(bare,)), Status.FAILED) == {"injection-account"}
    mounted = "/var/run/secrets/kubernetes.io/serviceaccount"
    daprd = ContainerSeen("daprd", ready=True, running=True, mounts=(mounted,))
    given = pod("worker", WORKER, daprd, disable_builtin_k8s_secret_store="false")
    assert "injection-account" in told(seen(pods=(given,)), Status.PASSED)


WORKER = ContainerSeen("worker", ready=True, running=True)
DAPRD = ContainerSeen("daprd", ready=True, running=True)


@pytest.mark.parametrize(
    "container",
    [
        replace(WORKER, secrets=("api", "app")),
        replace(WORKER, secrets=("api",), variables=("APP_API_TOKEN",)),
        replace(WORKER, variables=("DAPR_API_TOKEN", "APP_API_TOKEN")),
    ],
)
def test_an_app_has_the_tokens_of_its_annotations(container: ContainerSeen) -> None:
    given = pod("worker", container, DAPRD, api_token_secret="api", app_token_secret="app")
    (found,) = checks(seen(pods=(given,)), "injection-tokens")
    assert found.status is Status.PASSED


def test_an_app_without_the_tokens_of_its_annotations_is_named() -> None:
    bare = pod("worker", WORKER, DAPRD, api_token_secret="api", app_token_secret="app")
    found = checks(seen(pods=(bare,)), "injection-tokens")
    assert [each.status for each in found] == [Status.WARNING, Status.WARNING]
    assert "401" in found[0].evidence[0]
    assert "APP_API_TOKEN" in found[1].fix


def test_an_app_that_was_refused_is_broken() -> None:
    line = "Not published to task-events: the sidecar at http://127.0.0.1:3500 refused the API token"
    bare = pod("worker", WORKER, DAPRD, api_token_secret="api")
    logs = (log("worker", "daprd", "dapr initialized"), log("worker", "worker", line))
    (found,) = checks(seen(pods=(bare,), logs=logs), "injection-tokens")
    assert (found.status, found.evidence[-1]) == (Status.FAILED, f"it said: {line}")


@pytest.mark.parametrize(
    ("line", "status"),
    [("dapr initialized", Status.WARNING), ("Hot reloading enabled. Daprd will reload …", Status.PASSED)],
)
def test_a_component_that_is_newer_than_the_pod_is_stale_unless_it_is_reloaded(
    line: str, status: Status
) -> None:
    later = replace(COMPONENT, changed=NOW + timedelta(minutes=1))
    logs = (log("worker", "daprd", line), *CLUSTER.logs[:2])
    found = checks(seen(resources=(later,), logs=logs), "resource-stale")
    assert [each.status for each in found if each.subject == "worker"] == [status]


REASON = "invalid character 'o' looking for beginning of value"
UNREADABLE = SidecarLine(
    "error",
    f"error deserializing cloud event in pubsub kafka-pubsub and topic task-events: {REASON}",
)
PROCESSING = SidecarLine(
    "warn", f"Error processing Kafka message: task-events/2/7 [key=]. Error: {REASON}. Retrying..."
)


def test_a_record_that_no_sidecar_can_read_is_named_with_the_way_behind_it() -> None:
    stuck = replace(app("worker", TASKS), log=(UNREADABLE, PROCESSING, UNREADABLE))
    grouped = replace(COMPONENT, consumer_group="todo-group")
    _, found = checks(seen(app("backend"), stuck, resources=(grouped,)), "log-unreadable")
    assert found.status is Status.FAILED
    assert found.evidence[0].startswith("record 7 of partition 2 of topic 'task-events' is no JSON")
    assert found.evidence[1].startswith("2 times: error deserializing")
    assert found.command is not None
    assert found.command.bash == (
        "kubectl exec -n todo kafka-0 -- /opt/kafka/bin/kafka-consumer-groups.sh --bootstrap-server "
        "localhost:9092 --group todo-group --topic task-events:2 --reset-offsets --to-offset 8 --execute"
    )


def test_a_record_that_went_to_a_dead_letter_topic_is_told_once() -> None:
    once = replace(app("worker", TASKS), log=(UNREADABLE,))
    _, found = checks(seen(app("backend"), once), "log-unreadable")
    assert found.status is Status.WARNING
    assert found.command is not None
    assert "logs -l app=worker" in found.command.bash


def test_without_the_right_to_reach_pods_their_logs_are_gone_by() -> None:
    missed = Unseen("what the pods answer", "no", "create", "pods/portforward", "todo")
    declared = ResourceSeen("Subscription", "t", "todo", scopes=("worker",), target=("kafka-pubsub", "t"))
    unasked = [replace(each, sidecar=SidecarSeen(), subscribe=HttpAnswer(), listening=None) for each in APPS]
    evidence = seen(*unasked, unseen=(missed,), resources=(COMPONENT, declared))
    assert told(evidence, Status.FAILED) == {"log-component"}
    assert commands(evidence, "cluster-visible") == {"kubectl auth can-i create pods/portforward -n todo"}
    loaded = "Component loaded: kafka-pubsub (pubsub.kafka/v1)"
    logs = tuple(replace(each, lines=(*each.lines, loaded)) for each in CLUSTER.logs)
    evidence = seen(*unasked, unseen=(missed,), resources=(COMPONENT, declared), logs=logs)
    assert told(evidence, Status.FAILED) == {"log-subscribed"}


def test_what_may_not_be_seen_of_other_namespaces_is_said_once() -> None:
    def missed(resource: str, namespace: str = "") -> Unseen:
        what = f"the {resource}" if namespace else f"{resource} of other namespaces"
        return Unseen(what, "no", "list", resource, namespace)

    kinds = ("components", "subscriptions", "configurations")
    (found,) = checks(seen(unseen=tuple(map(missed, kinds))), "cluster-visible")
    assert found.subject == "components, subscriptions, configurations of other namespaces"
    assert found.status is Status.UNKNOWN
    both = tuple(each for kind in kinds for each in (missed(kind), missed(kind, "todo")))
    blind = seen(unseen=both, resources=())
    assert [each.subject for each in checks(blind, "cluster-visible")] == [f"the {kind}" for kind in kinds]
    assert checks(blind, "resource-stale") == []


def test_what_to_do_is_said_for_a_cluster() -> None:
    deaf = replace(app("worker", TASKS), listening=False, subscribe=HttpAnswer())
    (found,) = checks(seen(deaf), "app-listening")
    assert "dapr.io/app-port" in found.fix
    late = SubscriptionSeen("kafka-pubsub", "orders", (("", "/orders"),), source="the app")
    stale = replace(app("worker", TASKS), subscribed=(TASKS, late))
    (found,) = checks(seen(app("backend"), stale), "subscription-registered")
    assert found.fix.startswith("Restart the pod")


def test_a_log_that_is_longer_than_what_is_read_leaves_a_doubt() -> None:
    unasked = [replace(each, sidecar=SidecarSeen(), subscribe=HttpAnswer(), listening=None) for each in APPS]
    long = tuple(replace(each, lines=("line",) * 500) for each in CLUSTER.logs)
    assert "log-component" in told(seen(*unasked, logs=long), Status.UNKNOWN)


PRE = {"pre": True, "pods": (), "logs": (), "services": ()}
REFERENCE = SecretReference("saslPassword", "kafka-login", "password")


def test_before_a_deployment_the_secrets_of_components_are_looked_for() -> None:
    component = replace(COMPONENT, secret_references=(REFERENCE,))
    absent = SecretSeen("kafka-login", "todo", exists=False)
    rights = (("create secrets", True), ("get secrets", True))
    evidence = seen(**PRE, resources=(component,), secrets=(absent,), rights=rights)
    assert told(evidence, Status.FAILED) == {"resource-secret"}
    there = replace(absent, exists=True, keys=("password",))
    evidence = seen(**PRE, resources=(component,), secrets=(there,), rights=rights)
    assert diagnose(evidence).success
    assert "resource-secret" in told(evidence, Status.PASSED)


def test_before_a_deployment_the_namespace_may_be_part_of_it() -> None:
    rights = (("create secrets", True), ("create namespaces", True))
    evidence = seen(**PRE, namespace_exists=False, rights=rights)
    assert diagnose(evidence).success
    assert told(evidence, Status.WARNING) == {"cluster-namespace"}
    evidence = seen(**PRE, namespace_exists=False, rights=(("create namespaces", False),))
    assert told(evidence, Status.FAILED) == {"cluster-deployable"}
    assert told(seen(namespace_exists=False), Status.FAILED) == {"cluster-namespace"}


def test_one_who_may_not_read_secrets_may_deploy() -> None:
    evidence = seen(**PRE, rights=(("create secrets", True), ("get secrets", False)))
    assert diagnose(evidence).success
    assert told(evidence, Status.WARNING) == {"cluster-deployable"}
    evidence = seen(**PRE, rights=(("create secrets", None),))
    assert "cluster-deployable" in told(evidence, Status.UNKNOWN)
    assert checks(evidence, "cluster-deployable")[0].evidence


def test_whether_there_was_anything_to_look_at_is_known() -> None:
    nothing = seen(pods=None, resources=(), workloads=None)
    assert not Examination(nothing, diagnose(nothing)).looked
    assert Examination(seen(), diagnose(seen())).looked


NO_SECRET = (
    'level=fatal msg="Fatal error from runtime: failed to load components: rpc error: code = Unknown '
    'desc = Secret \\"kafka-login\\" not found"'
)


def test_a_sidecar_that_ends_for_want_of_a_secret_is_told_by_the_secret() -> None:
    crashing = ContainerSeen("daprd", waiting="CrashLoopBackOff", restarts=3)
    ended = replace(pod("worker", WORKER, crashing), ready=False)
    logs = (*CLUSTER.logs[:2], replace(log("worker", "daprd", NO_SECRET), previous=True))
    changes = {"pods": (pod("backend"), ended), "logs": logs}
    assert told(seen(APPS[0], **changes), Status.FAILED) == {"log-error"}
    referring = replace(COMPONENT, secret_references=(REFERENCE,))
    absent = SecretSeen("kafka-login", "todo", exists=False)
    evidence = seen(APPS[0], **changes, resources=(referring,), secrets=(absent,))
    assert told(evidence, Status.FAILED) == {"resource-secret"}
