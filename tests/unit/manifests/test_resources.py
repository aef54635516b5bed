"""Components and the other resources, as a cluster gets them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from outboard.errors import CommandError
from support.deployments import KAFKA, REDIS, Project, metadata, one


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def test_a_component_comes_into_the_namespace_with_the_apps_that_load_it(project: Project) -> None:
    found = one(project.documents(), "Component", "pubsub")
    assert found["metadata"] == {"name": "pubsub", "namespace": "trade"}
    assert found["scopes"] == ["shop", "till"]
    assert found["spec"]["type"] == "pubsub.kafka"
    assert metadata(found) == {"brokers": "kafka:9092", "authType": "none", "consumerGroup": "shop"}


def test_scopes_and_comments_of_the_author_stay(project: Project) -> None:
    project.write("parts/pubsub.yaml", KAFKA + "scopes:\n  - till\n")
    assert one(project.documents(), "Component", "pubsub")["scopes"] == ["till"]
    assert "- name: authType # said, not left out\n" in project.made().files["30-components.yaml"]


def test_a_password_goes_into_a_secret_that_somebody_creates(project: Project) -> None:
    project.write("parts/store.yaml", REDIS)
    made = project.made()
    assert not any("open-sesame" in text for text in made.files.values())
    found = metadata(one(project.documents(), "Component", "statestore"))
    assert found["redisPassword"] == {"name": "statestore", "key": "redisPassword"}
    assert [(each.name, each.keys) for each in made.secrets] == [("statestore", ("redisPassword",))]
    told = "#   kubectl create secret generic statestore -n trade --from-literal=redisPassword=...\n"
    assert told in made.files["30-components.yaml"]


@pytest.mark.parametrize(
    ("type_", "name", "value"),
    [
        ("state.postgresql", "connectionString", "host=pg user=shop password=open-sesame"),
        ("bindings.http", "url", "https://shop:open-sesame@example.com"),
        ("state.mongodb", "password", "open-sesame"),
        ("state.own.pluggable", "apiKey", "open-sesame"),
        ("pubsub.azure.servicebus.topics", "connectionString", "Endpoint=sb://a;SharedAccessKey=open-sesame"),
    ],
)
def test_no_secret_stays(project: Project, type_: str, name: str, value: str) -> None:
    text = f"    - name: {name}\n      value: {value!r}\n"
    head = REDIS.partition("    - name")[0].replace("state.redis", type_)
    project.write("parts/store.yaml", head + text)
    found = metadata(one(project.documents(), "Component", "statestore"))
    assert found[name] == {"name": "statestore", "key": name}
    assert not any("open-sesame" in each for each in project.made().files.values())


def test_an_address_and_an_empty_password_are_no_secrets(project: Project) -> None:
    project.write("parts/store.yaml", REDIS.replace("open-sesame", '""'))
    found = metadata(one(project.documents(), "Component", "statestore"))
    assert found == {"redisHost": "redis:6379", "redisPassword": ""}
    assert project.made().secrets == ()


def test_the_local_secret_store_stays_at_home(project: Project) -> None:
    reference = "    - name: redisPassword\n      secretKeyRef:\n        name: Redis_Pass:word\n"
    store = REDIS.partition("    - name: redisPassword")[0] + reference + "auth:\n  secretStore: local\n"
    project.write("parts/store.yaml", store)
    project.write(
        "parts/secrets.yaml",
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: local\nspec:\n"
        "  type: secretstores.local.file\n  version: v1\n  metadata:\n"
        "    - name: secretsFile\n      value: s.json\n",
    )
    documents = project.documents()
    found = one(documents, "Component", "statestore")
    assert "auth" not in found
    assert metadata(found)["redisPassword"] == {"name": "redis-pass-word", "key": "Redis_Pass-word"}
    assert {each["metadata"]["name"] for each in documents if each["kind"] == "Component"} == {
        "pubsub",
        "statestore",
    }


VARIABLE = KAFKA.replace("      value: kafka:9092\n", "      envRef: BROKERS\n")


def test_a_variable_of_the_laptop_needs_a_value(project: Project) -> None:
    project.write("parts/pubsub.yaml", VARIABLE)
    with pytest.raises(
        CommandError, match=r"`brokers` of pubsub is in the variable BROKERS\. .*--set BROKERS="
    ):
        project.made()
    given = project.documents(values={"BROKERS": "kafka.example:9092"})
    assert metadata(one(given, "Component", "pubsub"))["brokers"] == "kafka.example:9092"
    tried = project.documents(to_try_with=["kafka"])
    assert metadata(one(tried, "Component", "pubsub"))["brokers"] == "kafka-broker:9092"
    assert one(tried, "StatefulSet", "kafka-broker")["metadata"]["namespace"] == "kafka"


def test_the_memory_of_a_kafka_to_try_with_holds_its_heap_and_what_its_jvm_takes_besides(
    project: Project,
) -> None:
    """Measured: 187 MiB at the most (docs/how-to/kubernetes.md, "CPU and memory")."""
    project.write("parts/pubsub.yaml", VARIABLE)
    broker = one(project.documents(to_try_with=["kafka"]), "StatefulSet", "kafka-broker")
    (container,) = broker["spec"]["template"]["spec"]["containers"]
    options = next(each["value"] for each in container["env"] if each["name"] == "KAFKA_HEAP_OPTS")
    heap = re.fullmatch(r"-Xms(\d+)m -Xmx\1m", options)
    assert heap is not None, options
    asked, limit = (container["resources"][each]["memory"] for each in ("requests", "limits"))
    assert (asked, limit) == ("640Mi", "1Gi")
    assert int(heap[1]) + 187 <= 640


def test_fields_of_what_there_is_to_try_with_may_be_in_any_case(project: Project) -> None:
    project.write("parts/pubsub.yaml", VARIABLE.replace("name: brokers", "name: Brokers"))
    store = REDIS.replace("      value: redis:6379", "      envRef: REDIS").replace("redisHost", "RedisHost")
    store = store.replace("redisPassword", "redispassword").replace("value: open-sesame", "envRef: PASSWORD")
    project.write("parts/store.yaml", store)
    tried = project.documents(to_try_with=["kafka", "redis"])
    assert metadata(one(tried, "Component", "pubsub"))["Brokers"] == "kafka-broker:9092"
    found = metadata(one(tried, "Component", "statestore"))
    assert (found["RedisHost"], found["redispassword"]) == ("redis:6379", "")


def test_a_secret_in_a_variable_becomes_a_reference(project: Project) -> None:
    project.write("parts/store.yaml", REDIS.replace("value: open-sesame", "envRef: REDIS_PASSWORD"))
    found = metadata(one(project.documents(), "Component", "statestore"))
    assert found["redisPassword"] == {"name": "statestore", "key": "redisPassword"}


def test_what_is_no_text_counts_as_its_json(project: Project) -> None:
    more = "    - name: version\n      value: 2.8\n    - name: skipVerify\n      value: true\n"
    project.write("parts/pubsub.yaml", KAFKA + more + "    - name: oidcExtensions\n      value: {a: [1]}\n")
    found = metadata(one(project.documents(), "Component", "pubsub"))
    assert found["version"] == "2.8"
    assert found["skipVerify"] == "true"
    assert found["oidcExtensions"] == '{"a": [1]}'


@pytest.mark.parametrize("type_", ["pubsub.sqlite", "state.in-memory"])
def test_what_is_for_one_machine_alone_is_refused(project: Project, type_: str) -> None:
    project.write("parts/store.yaml", REDIS.replace("state.redis", type_))
    with pytest.raises(CommandError, match=rf"{type_} is for one machine alone\. .*--resources"):
        project.made()


def test_two_of_one_name_must_be_the_same(project: Project) -> None:
    project.write("more/pubsub.yaml", KAFKA)
    project.run_file(till="    resourcesPath: more\n")
    assert one(project.documents(), "Component", "pubsub")["scopes"] == ["shop", "till"]
    project.write("more/pubsub.yaml", KAFKA.replace("kafka:9092", "other:9092"))
    with pytest.raises(CommandError, match="Component pubsub is another one than that of"):
        project.made()


def test_a_name_that_kubernetes_does_not_take_is_refused(project: Project) -> None:
    project.write("parts/pubsub.yaml", KAFKA.replace("name: pubsub\n", "name: my_pubsub\n"))
    with pytest.raises(CommandError, match="`my_pubsub` is no name for Kubernetes"):
        project.made()


OTHERS = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata:
  name: orders
spec:
  pubsubname: pubsub
  topic: orders
  routes:
    default: /orders
scopes:
  - shop
---
apiVersion: dapr.io/v1alpha1
kind: Resiliency
metadata:
  name: patience
spec:
  policies:
    retries:
      again:
        policy: constant
        duration: 5s
        maxRetries: -1
  targets:
    components:
      pubsub:
        inbound:
          retry: again
---
apiVersion: dapr.io/v1alpha1
kind: HTTPEndpoint
metadata:
  name: bank
spec:
  baseUrl: https://example.com
  headers:
    - name: Authorization
      value: Bearer open-sesame
    - name: Accept
      value: text/plain
"""


def test_other_resources_come_too(project: Project) -> None:
    project.write("parts/others.yaml", OTHERS)
    project.write(
        "config.yaml",
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: shop-config\nspec:\n"
        "  features:\n    - name: HotReload\n      enabled: false\n",
    )
    project.run_file(shop="    configFilePath: config.yaml\n")
    documents = project.documents()
    assert one(documents, "Subscription", "orders")["scopes"] == ["shop"]
    retry = one(documents, "Resiliency", "patience")["spec"]["policies"]["retries"]["again"]
    assert retry == {"policy": "constant", "duration": "5s", "maxRetries": -1}
    headers = one(documents, "HTTPEndpoint", "bank")["spec"]["headers"]
    assert headers[0]["secretKeyRef"] == {"name": "bank", "key": "Authorization"}
    assert headers[1]["value"] == "text/plain"
    assert "scopes" not in one(documents, "Configuration", "shop-config")
    template = one(documents, "Deployment", "shop")["spec"]["template"]
    assert template["metadata"]["annotations"]["dapr.io/config"] == "shop-config"


def test_types_are_those_that_the_api_server_insists_on(project: Project) -> None:
    loose = OTHERS.replace("maxRetries: -1", 'maxRetries: "3"').replace("duration: 5s", "duration: 5000")
    loose = loose.replace("  topic: orders\n", "  topic: orders\n  metadata:\n    rawPayload: true\n")
    project.write("parts/others.yaml", loose)
    documents = project.documents()
    assert one(documents, "Subscription", "orders")["spec"]["metadata"] == {"rawPayload": "true"}
    retry = one(documents, "Resiliency", "patience")["spec"]["policies"]["retries"]["again"]
    assert (retry["maxRetries"], retry["duration"]) == (3, "5000")


def test_secrets_of_another_store_stay_there(project: Project) -> None:
    vault = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: vault\nspec:\n"
    vault += "  type: secretstores.azure.keyvault\n  version: v1\n  metadata:\n"
    project.write("parts/vault.yaml", vault + "    - name: vaultName\n      value: shop\n")
    reference = (
        "    - name: redisPassword\n      secretKeyRef:\n        name: Redis:Pass\n        key: word\n"
    )
    store = REDIS.partition("    - name: redisPassword")[0]
    auth = "auth:\n  secretStore: vault\n"
    project.write("parts/store.yaml", store + reference + auth)
    made = project.made()
    found = one(project.documents(), "Component", "statestore")
    assert found["auth"] == {"secretStore": "vault"}
    assert metadata(found)["redisPassword"] == {"name": "Redis:Pass", "key": "word"}
    assert made.secrets == ()
    project.write("parts/store.yaml", REDIS + auth)
    with pytest.raises(
        CommandError, match=r"`redisPassword` of statestore is a secret in plain text\. Put it into vault"
    ):
        project.made()


def test_the_headers_of_a_collector_may_be_secrets(project: Project) -> None:
    project.write(
        "config.yaml",
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: shop-config\nspec:\n"
        '  tracing:\n    samplingRate: "1"\n    otel:\n      endpointAddress: collector:4317\n'
        "      isSecure: false\n      protocol: grpc\n      headers:\n"
        "        - name: api-key\n          value: open-sesame\n",
    )
    project.run_file(shop="    configFilePath: config.yaml\n")
    otel = one(project.documents(), "Configuration", "shop-config")["spec"]["tracing"]["otel"]
    assert otel["headers"] == [{"name": "api-key", "secretKeyRef": {"name": "shop-config", "key": "api-key"}}]


def test_the_namespace_is_that_of_the_resources(project: Project) -> None:
    project.run_file(top="")
    with pytest.raises(CommandError, match=r"name no namespace.*--namespace"):
        project.made()
    project.write("parts/pubsub.yaml", KAFKA.replace("name: pubsub\n", "name: pubsub\n  namespace: market\n"))
    assert one(project.documents(), "Namespace", "market")
    assert one(project.documents(namespace="fair"), "Component", "pubsub")["metadata"]["namespace"] == "fair"
