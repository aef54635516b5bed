"""From component resources to running components: types, metadata, secrets, templates, failures."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed, ResourcesInvalid
from outboard.resources.component import Component, MetadataItem, SecretKeyRef
from outboard.sidecar.components import registry
from outboard.sidecar.components.checking import check_components
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.opening import Components, open_components
from outboard.sidecar.components.port import ComponentError, SecretStore, StateStore, Traits
from outboard.sidecar.components.registry import FACTORIES

pytestmark = pytest.mark.anyio

HERE = Path("components/all.yaml")
ENVIRON = {"BROKERS": "b:9092", "EMPTY": "", "DAPR_API_TOKEN": "t0ken", "APP_API_TOKEN": "t0ken"}
CONTEXT = ComponentContext("app", "todo-chatbot", "pod-1", ENVIRON)
NO_POD = ComponentContext("app", environ=ENVIRON)

SECRETS = Component("secrets", "secretstores.local.env", path=HERE, line=1)


def component(*items: MetadataItem, type: str = "state.in-memory", store: str = "") -> Component:
    return Component("thing", type, metadata=items, secret_store=store, path=HERE, line=20)


async def properties_of(
    each: Component, context: ComponentContext = CONTEXT, others: tuple[Component, ...] = ()
) -> Properties:
    async with open_components([each, *others], context) as up:
        return next(loaded.properties for loaded in up.all if loaded.component is each)


async def failure_of(*components: Component, context: ComponentContext = CONTEXT) -> ComponentInitFailed:
    with pytest.raises(ComponentInitFailed) as caught:
        async with open_components(components, context):
            pass
    return caught.value


async def test_components_are_there_by_category_and_name(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    pubsub = Component("kafka-pubsub", "pubsub.In-Memory")
    state = Component("statestore", "state.in-memory")

    async with open_components([pubsub, state, SECRETS], CONTEXT) as up:
        assert (list(up.pubsubs), list(up.states), list(up.secrets)) == (
            ["kafka-pubsub"],
            ["statestore"],
            ["secrets"],
        )

    assert [record.message for record in caplog.records] == [
        "Component loaded: secrets (secretstores.local.env/v1)",
        "Component loaded: kafka-pubsub (pubsub.In-Memory/v1)",
        "Component loaded: statestore (state.in-memory/v1)",
    ]


def test_every_type_in_the_table_has_an_adapter() -> None:
    for name, find in FACTORIES.items():
        adapter = find()
        block, family = name.replace("in-", "").split(".", 1)
        module = f"secretstores.{family}" if block == "secretstores" else f"{family}.{block}"
        folder = "outboard.sidecar.components."
        assert adapter.__name__ == folder + module.replace("local.", "local_")  # type: ignore[attr-defined]
        assert isinstance(adapter.METADATA, KnownMetadata)


@pytest.mark.parametrize(
    ("type", "advice"),
    [
        ("pubsub.inmemory", "Did you mean `pubsub.in-memory`?"),
        ("state.sqllite", "Did you mean `state.sqlite`?"),
        ("nothing.such", "Correct the type."),
    ],
)
async def test_an_unknown_type_names_what_is_served(type: str, advice: str) -> None:
    error = await failure_of(component(type=type))

    assert str(error).startswith(
        f"component 'thing' ({type}) of {HERE}:20 could not be set up: there is no such type; this sidecar "
        "serves pubsub.in-memory, "
    )
    assert error.advice == advice


@pytest.mark.parametrize(
    "type", ["state.mongodb", "pubsub.rabbitmq", "bindings.cron", "secretstores.azure.keyvault", "lock.redis"]
)
async def test_a_type_that_only_daprd_serves_is_left_out_with_a_warning(
    type: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with open_components([component(type=type), SECRETS], CONTEXT) as up:
        assert list(up.secrets) == ["secrets"]
        said = f"{HERE}:20: component 'thing' ({type}) is left out: this sidecar does not serve its type. "
        assert str(up.left_out[0].finding).startswith(said)
    assert said in caplog.text
    assert "`outboard run --engine daprd`" in caplog.text
    assert "`ignoreErrors: true`" in caplog.text


async def test_an_unknown_version() -> None:
    error = await failure_of(Component("thing", "state.in-memory", version="v2"))

    assert "there is no version v2 of this type. Write `version: v1`." in str(error)


# Metadata


async def test_names_are_found_in_any_case() -> None:
    found = await properties_of(component(MetadataItem("KEYprefix", "none")))

    assert (found["keyPrefix"], found.get("keyprefix"), found.get("other"), "KeyPrefix" in found) == (
        "none", "none", None, True,
    )  # fmt: skip


async def test_a_name_that_is_written_twice_is_an_error() -> None:
    error = await failure_of(component(MetadataItem("a", "1", line=8), MetadataItem("A", "2", line=9)))

    assert f"of {HERE}:9 could not be set up: the metadata item `A` is written twice" in str(error)


async def test_a_misspelled_name_is_a_warning_with_the_near_one(caplog: pytest.LogCaptureFixture) -> None:
    await properties_of(component(MetadataItem("keyPrefx", "none", line=9)))

    (warning,) = caplog.records
    assert warning.message == (
        f"{HERE}:9: a state.in-memory has no metadata item `keyPrefx`: it is ignored. "
        "Did you mean `keyPrefix`?"
    )


async def test_a_name_that_is_like_none_is_left_to_other_engines(caplog: pytest.LogCaptureFixture) -> None:
    await properties_of(component(MetadataItem("redisHost", "h:1")))

    assert caplog.records == []


@pytest.mark.parametrize("value", [None, "", " "])
async def test_the_consumer_id_of_a_pubsub_is_the_app_unless_given(value: str | None) -> None:
    items = () if value is None else (MetadataItem("consumerID", value),)

    assert (await properties_of(component(*items, type="pubsub.in-memory")))["consumerID"] == "app"


async def test_a_given_consumer_id() -> None:
    items = (MetadataItem("consumerid", " group "),)

    assert (await properties_of(component(*items, type="pubsub.in-memory")))["consumerID"] == "group"
    assert "consumerID" not in await properties_of(component())


async def test_templates() -> None:
    ids = itertools.count(1)
    context = ComponentContext("app", "ns", "pod-1", {}, new_id=lambda: f"id{next(ids)}")
    text = "{uuid}/{uuid}/{podName}/{namespace}/{appID}/{other}"

    found = await properties_of(component(MetadataItem("x", text)), context)

    assert found["x"] == "id1/id2/pod-1/ns.app/app/{other}"
    assert found.namespaced
    assert not (await properties_of(component(MetadataItem("x", "{appID}")))).namespaced


async def test_a_pod_name_that_is_not_set() -> None:
    error = await failure_of(
        component(MetadataItem("x", "{podName}", line=9)), context=ComponentContext("app")
    )

    assert f"{HERE}:9" in str(error)
    assert "POD_NAME is not set" in str(error)


# Environment


async def test_a_value_from_the_environment() -> None:
    items = (
        MetadataItem("brokers", env="BROKERS"),
        MetadataItem("both", "value", env="BROKERS"),
        MetadataItem("unset", env="NOBODY"),
    )

    found = await properties_of(component(*items))

    assert (found["brokers"], found["both"], found["unset"]) == ("b:9092", "value", "")


@pytest.mark.parametrize(
    "name", ["DAPR_API_TOKEN", "dapr_api_token", "APP_API_TOKEN", "app_api_token", "A B"]
)
async def test_dapr_s_own_variables_are_denied_with_a_warning(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = ComponentContext("app", environ={name: "t0ken"})

    found = await properties_of(component(MetadataItem("x", env=name, line=9)), context)

    assert found["x"] == ""
    (warning,) = caplog.records
    assert warning.message.startswith(f"{HERE}:9: a component may not read environment variable '{name}'")
    assert "t0ken" not in caplog.text


async def test_only_listed_variables_where_there_is_a_list() -> None:
    context = ComponentContext("app", environ={"A": "1", "B": "2", "C": "3", "DAPR_ENV_KEYS": "A c D"})

    items = [MetadataItem(name, env=name) for name in "ABC"]
    found = await properties_of(component(*items), context)

    assert [found[name] for name in "ABC"] == ["1", "", ""]


# Secrets


def secret_item(name: str, key: str = "") -> MetadataItem:
    return MetadataItem("password", secret=SecretKeyRef(name, key or name), line=9)


async def test_a_value_from_a_secret_store_that_is_written_later() -> None:
    each = component(secret_item("BROKERS"), store="secrets")

    assert (await properties_of(each, others=(SECRETS,)))["password"] == "b:9092"


async def test_a_key_of_a_secret_with_several(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({"redis": {"user": "u", "password": "hunter2"}}), encoding="utf-8")
    items = (MetadataItem("secretsFile", str(path)), MetadataItem("multiValued", "true"))
    store = Component("file", "secretstores.local.file", metadata=items)

    each = component(secret_item("redis", "password"), store="file")
    found = await properties_of(each, others=(store,))
    assert found["password"] == "hunter2"
    assert "hunter2" not in repr(found)

    error = await failure_of(store, component(secret_item("redis", "pasword"), store="file"))
    assert "needs key 'pasword' of secret 'redis' in secret store 'file', which has no such key" in str(error)
    assert error.advice == "Did you mean `password`?"


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("secret", "of secret store 'secret', which is not loaded. Did you mean `secrets`?"),
        ("vault", "of secret store 'vault', which is not loaded. Add it, or check its name"),
    ],
)
async def test_a_component_whose_secret_store_is_not_there_is_left_out_as_with_daprd(
    store: str, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    each = component(secret_item("BROKERS"), store=store)
    async with open_components([SECRETS, each, Component("s", "state.in-memory")], CONTEXT) as up:
        assert list(up.states) == ["s"]
        told = str(up.left_out[0].finding)
    assert told.startswith(f"{HERE}:9: component 'thing' (state.in-memory) is left out: ")
    assert said in told
    assert told in caplog.text


async def test_a_reference_to_a_secret_without_a_store_leaves_its_item_empty_as_with_daprd(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert (await properties_of(component(secret_item("BROKERS"))))["password"] == ""
    said = (
        f"{HERE}:9: `password` of 'thing' stays empty: it refers to secret 'BROKERS', and the component names"
    )
    assert said in caplog.text
    assert "Add `auth:` with `secretStore:`" in caplog.text


async def test_a_component_that_needs_a_secret_of_a_store_that_is_left_out_is_so_too() -> None:
    vault = Component("vault", "secretstores.azure.keyvault", path=HERE, line=1)
    async with open_components([vault, component(secret_item("BROKERS"), store="vault")], CONTEXT) as up:
        assert [each.name for each in up.left_out] == ["vault", "thing"]


@pytest.mark.parametrize("name", ["EMPTY", "NOBODY", "DAPR_API_TOKEN"])
async def test_a_secret_that_is_there_and_empty_is_empty(name: str, caplog: pytest.LogCaptureFixture) -> None:
    each = component(secret_item(name), store="secrets")
    assert (await properties_of(each, others=(SECRETS,)))["password"] == ""
    place = f"key '{name}' of secret '{name}' in secret store 'secrets'"
    assert f"{HERE}:9: `password` of 'thing' is empty, as {place} is" in caplog.text


async def test_what_would_be_said_is_known_without_connecting(tmp_path: Path) -> None:
    nowhere = Component("db", "state.redis", metadata=(MetadataItem("redisHost", "nowhere:1"),), path=HERE)
    misspelled = MetadataItem("redisHst", "x", line=4)
    found = await check_components(
        [
            SECRETS,
            nowhere,
            Component("other", "state.redis", metadata=(misspelled,), path=HERE),
            component(secret_item("BROKERS"), store="vault"),
            Component("gone", "pubsub.rabbitmq", path=HERE, line=7),
            Component("dispensable", "pubsub.rabbitmq", ignore_errors=True),
        ],
        CONTEXT,
    )
    told = [str(each) for each in found]
    assert len(told) == 4
    for start in (
        f"{HERE}:9: component 'thing' (",
        f"{HERE}: component 'other' (state.redis) cannot be set up: the metadata item `redisHost` is missing",
        f"{HERE}:7: component 'gone' (pubsub.rabbitmq) is left out",
    ):
        assert any(each.startswith(start) for each in told)
    assert any("redisHst" in each for each in told)
    (wrong,) = await check_components([component(type="pubsub.kafak")], CONTEXT)
    assert wrong.severity == "error"
    assert "Did you mean `pubsub.kafka`?" in str(wrong)


KEY = "a" * 64


@pytest.mark.parametrize(
    ("type", "items", "said"),
    [
        ("pubsub.in-memory", {"partitions": "x"}, "`partitions` must be"),
        ("pubsub.in-memory", {"backlog": "-1"}, "`backlog` must be"),
        ("pubsub.sqlite", {"connectionString": "x.db", "partitions": "x"}, "`partitions` must be"),
        ("state.sqlite", {"connectionString": "a\0b"}, "holds a NUL character"),
        ("state.sqlite", {"connectionString": "x.db", "timeout": "0"}, "`timeout` must be at least"),
        ("state.sqlite", {"connectionString": "x.db", "primaryEncryptionKey": KEY}, "primaryEncryptionKey"),
        ("state.in-memory", {"primaryEncryptionKey": "short"}, "primaryEncryptionKey"),
        ("pubsub.redis", {"redisHost": "nowhere:1", "concurrency": "x"}, "`concurrency` must be"),
        ("pubsub.redis", {"redisHost": "nowhere:1", "enableTLS": "maybe"}, "`enableTLS` must be"),
        (
            "pubsub.redis",
            {"redisHost": "nowhere:1", "enableTLS": "true", "clientCert": "x", "clientKey": "y"},
            "cannot be used",
        ),
        ("state.redis", {"redisHost": "nowhere:1", "queryIndexes": "[]"}, "`queryIndexes` asks for queries"),
        ("state.redis", {}, "`redisHost`"),
        ("pubsub.kafka", {"brokers": "nowhere:1", "authType": "magic"}, "value for 'authType'"),
        (
            "pubsub.kafka",
            {"brokers": "nowhere:1", "authType": "certificate", "caCert": "x"},
            "ca certificate",
        ),
        ("secretstores.local.file", {"secretsFile": "nowhere.json"}, "cannot read"),
        ("secretstores.local.env", {"prefix": "a\0"}, "holds a NUL character"),
    ],
)
async def test_a_value_that_only_the_component_knows_is_told_without_connecting(
    type: str, items: dict[str, str], said: str
) -> None:
    metadata = tuple(MetadataItem(name, value, line=4) for name, value in items.items())
    right = Component("right", "state.in-memory", path=HERE)
    found = await check_components([Component("q", type, metadata=metadata, path=HERE), right], CONTEXT)
    assert [each.severity for each in found] == ["error"]
    assert said in str(found[0])
    assert f"component 'q' ({type}) cannot be set up" in str(found[0])


async def test_a_secret_store_that_cannot_be_read_does_not_hide_what_is_wrong_elsewhere() -> None:
    store = Component(
        "file", "secretstores.local.file", metadata=(MetadataItem("secretsFile", "nowhere.json"),), path=HERE
    )
    waits = component(secret_item("BROKERS"), store="file")
    wrong = Component("q", "pubsub.in-memory", metadata=(MetadataItem("partitions", "x", line=4),), path=HERE)
    found = await check_components([store, waits, wrong], CONTEXT)
    assert ["'file'" in str(found[0]), "'q'" in str(found[1])] == [True, True]
    assert len(found) == 2


async def test_a_secret_that_the_store_does_not_have(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text('{"other": "x"}', encoding="utf-8")
    store = Component("file", "secretstores.local.file", metadata=(MetadataItem("secretsFile", str(path)),))

    error = await failure_of(store, component(secret_item("redis"), store="file"))

    assert "`password` needs secret 'redis' of secret store 'file': secret redis not found. Put it" in str(
        error
    )


# Failures and the end


class Scripted:
    """An adapter whose component fails, hangs or notes its end."""

    METADATA = KnownMetadata()

    def __init__(self, outcome: Exception | float | None = None) -> None:
        self.outcome = outcome
        self.closed: list[str] = []

    async def create(self, properties: Properties, context: ComponentContext) -> StateStore | SecretStore:
        if isinstance(self.outcome, Exception):
            raise self.outcome
        if self.outcome is not None:
            await asyncio.Event().wait()
        return ClosingSecrets(properties.component.name, self.closed)


class ClosingSecrets:
    traits = Traits()

    def __init__(self, name: str, closed: list[str]) -> None:
        self.name, self.closed = name, closed

    async def get(self, name: str) -> Mapping[str, str]:
        return {}

    async def get_all(self) -> Mapping[str, Mapping[str, str]]:
        return {}

    async def close(self) -> None:
        self.closed.append(self.name)


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    adapter = Scripted()
    monkeypatch.setattr(registry, "FACTORIES", {**FACTORIES, "secretstores.scripted": lambda: adapter})
    return adapter


def scripted(name: str, *, ignore_errors: bool = False, init_timeout: float = 5.0) -> Component:
    return Component(
        name,
        "secretstores.scripted",
        ignore_errors=ignore_errors,
        init_timeout=init_timeout,
        path=HERE,
        line=3,
    )


async def test_components_are_closed_in_reverse_order(script: Scripted) -> None:
    async with open_components([scripted("a"), scripted("b")], CONTEXT):
        assert script.closed == []

    assert script.closed == ["b", "a"]


async def test_what_was_set_up_before_a_failure_is_closed(script: Scripted) -> None:
    await failure_of(scripted("a"), SECRETS, component(MetadataItem("a", "{podName}")), context=NO_POD)

    assert script.closed == ["a"]


async def test_a_component_that_fails_says_why(script: Scripted) -> None:
    script.outcome = ComponentError("no route to host")

    error = await failure_of(scripted("a"))

    assert f"component 'a' (secretstores.scripted) of {HERE}:3 could not be set up: no route to host" in str(
        error
    )


async def test_a_component_that_is_not_ready_in_time(script: Scripted) -> None:
    script.outcome = 1.0

    error = await failure_of(scripted("a", init_timeout=0.01))

    assert "it was not ready within 0.01 s. Raise `initTimeout`" in str(error)


async def test_a_failure_that_is_to_be_ignored_leaves_only_that_one_out(
    script: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    script.outcome = ComponentError("no route to host")

    async with open_components([scripted("a", ignore_errors=True), component()], CONTEXT) as up:
        assert isinstance(up, Components)
        assert [loaded.component.name for loaded in up.all] == ["thing"]

    assert "Failed to init component a (secretstores.scripted/v1)" in caplog.text
    assert "no route to host" in caplog.text


async def test_all_types_that_are_none_are_told_together(script: Scripted) -> None:
    unserved = [component(type="no.such"), component(type="pubsub.kafak")]

    with pytest.raises(ResourcesInvalid) as caught:
        async with open_components([scripted("a"), *unserved], CONTEXT):
            pass

    assert [str(error).partition(")")[0] for error in caught.value.errors] == [
        "component 'thing' (no.such",
        "component 'thing' (pubsub.kafak",
    ]
    assert script.closed == []
