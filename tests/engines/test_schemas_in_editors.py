"""`outboard schema` in the language server that editors use: it completes, and marks what is wrong alone.

The settings are those that `--vscode` writes.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from outboard.schema.writing import write_settings
from support.correct_components import correct_components
from support.engines import engine
from support.language_server import CURSOR, LanguageServer, running_language_server

pytestmark = pytest.mark.engine("yaml-language-server")
ROOT = Path(__file__).parents[2]
CORRECT = ROOT / "tests" / "unit" / "check" / "correct"
FILE = "components/component.yaml"


@pytest.fixture(scope="module")
def editor(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    """The server with a workspace in which `outboard schema --vscode` was called."""
    folder = tmp_path_factory.mktemp("workspace")
    write_settings(folder, [])
    settings = json.loads((folder / ".vscode" / "settings.json").read_text(encoding="utf-8"))
    settings |= {"yaml.validate": True, "yaml.completion": True, "yaml.hover": True}
    settings["yaml.schemaStore.enable"] = False
    with running_language_server(engine("yaml-language-server", pytestconfig), folder, settings) as server:
        yield server


def component(type_: str, metadata: str, version: str = "v1") -> str:
    return (
        "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: shop\nspec:\n"
        f"  type: {type_}\n  version: {version}\n  metadata:\n{metadata}"
    )


def item(name: str, value: str) -> str:
    return f"    - name: {name}\n      value: {value}\n"


# type, a correct metadata, a field that is offered, (field, values that are offered), ((what to write
# otherwise), what is said of it), and what is said where the first item is missing
TYPES = [
    (
        "pubsub.kafka",
        item("brokers", "kafka:9092") + item("authType", "none") + item("consumerGroup", "shop"),
        "consumerGroup",
        ("initialOffset", {"newest", "oldest"}),
        (("none", "nobody"), "Write one of"),
        "pubsub.kafka lacks `brokers`",
    ),
    (
        "state.redis",
        item("redisHost", "redis:6379") + item("redisDB", "1"),
        "redisPassword",
        ("redisType", {"node", "cluster"}),
        (("redisDB", "redisBD"), "state.redis is not known to have this field"),
        "state.redis lacks `redisHost`",
    ),
    (
        "pubsub.redis",
        item("redisHost", "redis:6379") + item("enableTLS", '"true"'),
        "processingTimeout",
        ("enableTLS", {"true", "false"}),
        (('"true"', "often"), "Write `true` or `false`"),
        "pubsub.redis lacks `redisHost`",
    ),
    (
        "pubsub.rabbitmq",
        item("connectionString", "amqp://rabbit:5672") + item("concurrency", "single"),
        "prefetchCount",
        ("exchangeKind", {"fanout", "topic"}),
        (("single", "double"), "Write one of"),
        "",
    ),
    (
        "state.postgresql",
        item("connectionString", "host=pg") + item("timeout", "20s"),
        "tableName",
        ("queryExecMode", {"exec", "cache_statement"}),
        (("20s", "soon"), "Write a duration"),
        "state.postgresql lacks `connectionString`",
    ),
    (
        "state.mongodb",
        item("host", "mongo:27017") + item("operationTimeout", "5s"),
        "databaseName",
        ("operationTimeout", set()),
        (("5s", "never"), "Write a duration"),
        "",
    ),
    (
        "secretstores.local.file",
        item("secretsFile", "secrets.json") + item("multiValued", '"true"'),
        "nestedSeparator",
        ("multiValued", {"true", "false"}),
        (("multiValued", "multiValue"), "is not known to have this field"),
        "secretstores.local.file lacks `secretsFile`",
    ),
    (
        "bindings.cron",
        item("schedule", '"@every 5s"') + item("direction", "input"),
        "direction",
        ("schedule", set()),
        (("schedule", "scheduled"), "is not known to have this field"),
        "bindings.cron lacks `schedule`",
    ),
    (
        "pubsub.azure.servicebus.topics",
        item("connectionString", "Endpoint=sb://shop") + item("maxActiveMessages", "10"),
        "lockRenewalInSec",
        ("disableEntityManagement", {"true", "false"}),
        (("10", "many"), "Write a number"),
        "pubsub.azure.servicebus.topics lacks",
    ),
    (
        "bindings.http",
        item("url", "https://example.com") + item("MTLSRenegotiation", "RenegotiateNever"),
        "MTLSRootCA",
        ("MTLSRenegotiation", {"RenegotiateNever"}),
        (("RenegotiateNever", "Never"), "Write one of"),
        "bindings.http lacks `url`",
    ),
    (
        "secretstores.hashicorp.vault",
        item("vaultAddr", "https://vault:8200") + item("vaultKVUsePrefix", "false"),
        "vaultKVPrefix",
        ("vaultKVUsePrefix", {"true", "false"}),
        (("false", "perhaps"), "Write `true` or `false`"),
        "",
    ),
]


@pytest.mark.parametrize("case", TYPES, ids=lambda case: case[0])
def test_a_type_is_completed_and_marked(
    editor: LanguageServer, case: tuple[str, str, str, tuple[str, set[str]], tuple[tuple[str, str], str], str]
) -> None:
    type_, metadata, field, (chosen, values), ((right, wrong), told), lacking = case
    assert editor.problems(FILE, component(type_, metadata)) == []
    offered = editor.completions(FILE, component(type_, f"{metadata}    - name: {CURSOR}\n"))
    assert field in offered
    assert {"title", "brokers "} & set(offered) == set()
    found = editor.completions(FILE, component(type_, f"    - name: {chosen}\n      value: {CURSOR}\n"))
    assert values <= {each.strip('"') for each in found}
    marked = editor.problems(FILE, component(type_, metadata.replace(right, wrong)))
    assert told in " ".join(marked), marked
    rest = metadata.split("    - ", 2)[2]
    marked = editor.problems(FILE, component(type_, f"    - {rest}"))
    assert lacking in " ".join(marked)
    assert bool(marked) == bool(lacking)


def test_nothing_is_marked_in_correct_components(editor: LanguageServer) -> None:
    every = dict(correct_components())
    text = "---\n".join(every.values())
    lines = [name for name, each in every.items() for _ in range(each.count("\n") + 1)]
    marked = editor.problems(FILE, text)
    assert [f"{lines[int(each.partition(':')[0]) - 1]} {each}" for each in marked] == []


def test_nothing_is_marked_in_the_files_of_this_project(editor: LanguageServer) -> None:
    looked_at = 0
    for file in sorted([*ROOT.glob("examples/**/*.yaml"), *ROOT.glob("deploy/**/*.yaml")]):
        name = "dapr.yaml" if file.name == "dapr.yaml" else FILE
        assert (file, editor.problems(name, file.read_text(encoding="utf-8"))) == (file, [])
        looked_at += 1
    assert looked_at > 10


NO_YAML = {"template.yaml"}
"""What is YAML only after Helm has been over it."""
UNKNOWN = {"getBlobRetryCount", "reconnectWait", "identityProjectId", "pemContents", "schema"}
"""Fields that the facts do not know: these are marked, and the check has a note about them."""


@pytest.mark.parametrize(
    "file",
    [each for each in sorted(CORRECT.glob("*.yaml")) if each.name not in NO_YAML],
    ids=lambda it: it.name,
)
def test_nothing_is_marked_in_resources_as_people_write_them(editor: LanguageServer, file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    marked = editor.problems(FILE, text)
    unknown = [each for each in marked if "is not known to have this field" in each]
    assert [each for each in marked if each not in unknown] == []
    assert {lines[int(each.split(":")[0]) - 1].split()[-1] for each in unknown} <= UNKNOWN


def test_types_are_offered_and_known(editor: LanguageServer) -> None:
    text = component("pubsub.kafca", "    []\n")
    assert any("There is no such type" in each for each in editor.problems(FILE, text))
    offered = editor.completions(FILE, text.replace("pubsub.kafca", CURSOR))
    assert {"pubsub.kafka", "state.redis", "bindings.cron"} <= set(offered)
    assert len(offered) > 140


def test_a_field_is_known_in_any_case_and_by_its_other_names(editor: LanguageServer) -> None:
    text = component("state.redis", item("REDISHOST", "redis:6379"))
    assert editor.problems(FILE, text) == []
    other = component("state.azure.blobstorage", item("storageAccount", "a") + item("container", "b"))
    assert not any("is not known" in each for each in editor.problems(FILE, other))
    exact = component(
        "pubsub.kafka",
        item("brokers", "kafka:9092") + item("authType", "none") + item("initialoffset", "oldest"),
    )
    assert any("is not known" in each for each in editor.problems(FILE, exact))  # daprd does not read it


def test_what_a_way_to_authenticate_needs(editor: LanguageServer) -> None:
    metadata = item("brokers", "kafka:9092") + item("authType", "password") + item("saslUsername", "shop")
    marked = editor.problems(FILE, component("pubsub.kafka", metadata))
    assert [each.partition(": ")[2] for each in marked] == [
        "pubsub.kafka lacks `saslPassword` (SASL Authentication)."
    ]
    secret = "    - name: saslPassword\n      secretKeyRef:\n        name: kafka\n        key: password\n"
    assert editor.problems(FILE, component("pubsub.kafka", metadata + secret)) == []
    without = component("pubsub.kafka", item("brokers", "kafka:9092"))
    assert any("has no `authType`" in each for each in editor.problems(FILE, without))


def test_a_secret_is_offered_in_the_place_of_a_value(editor: LanguageServer) -> None:
    text = component("state.redis", f"    - name: redisPassword\n      {CURSOR}\n")
    assert "secretKeyRef" in editor.completions(FILE, text)
    shown = editor.hover(FILE, component("state.redis", item(f"redisPass{CURSOR}word", "''")))
    assert "`redisPassword`: A text; a secret: write `secretKeyRef`" in shown


RESOURCES = {
    "Subscription": (
        "apiVersion: dapr.io/v2alpha1\nkind: Subscription\nmetadata:\n  name: tasks\nspec:\n"
        "  pubsubname: pubsub\n  topic: tasks\n  routes:\n    default: /tasks\nscopes:\n  - shop\n"
    ),
    "Resiliency": (
        "apiVersion: dapr.io/v1alpha1\nkind: Resiliency\nmetadata:\n  name: patience\nspec:\n  policies:\n"
        "    retries:\n      again:\n        policy: constant\n        duration: 5s\n  targets:\n"
        "    components:\n      pubsub:\n        inbound:\n          retry: again\n"
    ),
    "Configuration": (
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata:\n  name: shop\nspec:\n  tracing:\n"
        '    samplingRate: "1"\n    otel:\n      endpointAddress: collector:4317\n      isSecure: false\n'
        "      protocol: grpc\n"
    ),
    "HTTPEndpoint": (
        "apiVersion: dapr.io/v1alpha1\nkind: HTTPEndpoint\nmetadata:\n  name: bank\nspec:\n"
        "  baseUrl: https://example.com\n  headers:\n    - name: Accept\n      value: text/plain\n"
    ),
    "run file": (
        "version: 1\ncommon:\n  resourcesPath: ./components\nx-own: 1\napps:\n  - appID: shop\n"
        '    appDirPath: .\n    appPort: 8000\n    command: ["python", "-m", "shop"]\n'
    ),
}


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("Subscription", "default: /tasks", "defaults: /tasks"),
        ("Subscription", "  routes:\n    default: /tasks\n", "  route: /tasks\n"),
        ("Subscription", "  topic: tasks\n", ""),
        ("Resiliency", "constant", "constantly"),
        ("Resiliency", "duration: 5s", "duration: a while"),
        ("Resiliency", "inbound", "inbounds"),
        ("Configuration", "samplingRate", "sampleRate"),
        ("Configuration", "protocol: grpc", "protocol: udp"),
        ("HTTPEndpoint", "https://example.com", "example.com"),
        ("HTTPEndpoint", "baseUrl", "url"),
        ("run file", "appPort: 8000", "appPort: often"),
        ("run file", "appDirPath", "appDir"),
        ("run file", "version: 1", "version: 2"),
    ],
)
def test_other_resources_are_marked(editor: LanguageServer, kind: str, right: str, wrong: str) -> None:
    name = "dapr.yaml" if kind == "run file" else FILE
    assert editor.problems(name, RESOURCES[kind]) == []
    assert editor.problems(name, RESOURCES[kind].replace(right, wrong)) != []


def test_what_manifests_are_made_of_is_completed_and_marked(editor: LanguageServer) -> None:
    text = RESOURCES["run file"] + "    x-kubernetes:\n      replicas: 2\n"
    assert {"env", "volume", "scale"} <= set(editor.completions("dapr.yaml", f"{text}      v{CURSOR}\n"))
    assert editor.problems("dapr.yaml", text) == []
    assert editor.problems("dapr.yaml", text.replace("replicas", "replica")) != []


def test_what_else_is_in_a_folder_is_left_alone(editor: LanguageServer) -> None:
    assert editor.problems(FILE, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: shop\nspec: {}\n") == []
