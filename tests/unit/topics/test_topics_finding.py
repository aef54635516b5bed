"""Which logs `outboard topics` finds, without naming one."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.topics.finding import KafkaComponent, LogFile, Places, find

pytestmark = pytest.mark.anyio

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: {name}
spec:
  type: {type}
  version: v1
  metadata:
    - name: {item}
      {value}
{more}"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "shop"
    (made / "components").mkdir(parents=True)
    return made


def component(
    folder: Path,
    name: str,
    value: str,
    *,
    type: str = "pubsub.sqlite",
    item: str = "connectionString",
    more: str = "",
) -> None:
    text = COMPONENT.format(name=name, type=type, item=item, value=value, more=more)
    (folder / "components" / f"{name}.yaml").write_text(text, encoding="utf-8")


def places(folder: Path, **more: object) -> Places:
    return Places(folder, folder.parent, {"LOG": "from-environment.db"}, **more)  # type: ignore[arg-type]


async def test_a_file_that_is_named_is_the_only_one(folder: Path) -> None:
    component(folder, "pubsub", "value: events.db")
    found = await find(places(folder, file=folder / "other.db"))
    assert found.logs == [LogFile(folder / "other.db", "pubsub.sqlite")]


async def test_those_of_a_run_file_begin_in_the_folder_of_each_app(folder: Path) -> None:
    component(folder, "pubsub", "value: events.db")
    (folder / "billing").mkdir()
    apps = "".join(
        f"  - appID: {app}\n    appDirPath: {where}\n"
        for app, where in (("shop", "."), ("billing", "billing"))
    )
    (folder / "dapr.yaml").write_text(
        f"version: 1\ncommon:\n  resourcesPath: components\napps:\n{apps}", encoding="utf-8"
    )
    found = await find(places(folder))
    assert found.logs == [
        LogFile(folder / "events.db", "pubsub"),
        LogFile(folder / "billing" / "events.db", "pubsub"),
    ]
    found = await find(places(folder, app_id="billing"))
    assert [log.path.parent.name for log in found.logs] == ["billing"]


async def test_those_of_a_folder_may_take_their_path_from_elsewhere(folder: Path) -> None:
    component(folder, "one", "envRef: LOG")
    component(folder, "stored", "secretKeyRef: {name: log}", more="auth:\n  secretStore: secrets\n")
    component(folder, "secrets", "value: secrets.json", type="secretstores.local.file", item="secretsFile")
    (folder / "secrets.json").write_text('{"log": "from-store.db"}', encoding="utf-8")
    component(folder, "state", "value: state.db", type="state.sqlite")
    found = await find(places(folder, resources=[folder / "components"]))
    assert [(log.pubsub, log.path.name) for log in found.logs] == [
        ("one", "from-environment.db"),
        ("stored", "from-store.db"),
    ]


async def test_what_is_scoped_counts_for_its_app(folder: Path) -> None:
    component(folder, "pubsub", "value: events.db", more="scopes: [billing]\n")
    resources = [folder / "components"]
    assert (await find(places(folder, resources=resources))).logs == []
    assert len((await find(places(folder, resources=resources, app_id="billing"))).logs) == 1


async def test_topics_in_kafka_are_told_of(folder: Path) -> None:
    component(folder, "pubsub", 'value: "broker:9092"', type="pubsub.kafka", item="brokers")
    found = await find(places(folder, resources=[folder / "components"]))
    assert found.kafka == [KafkaComponent("pubsub", "broker:9092")]


async def test_without_a_run_file_the_components_of_the_home_folder_count(folder: Path) -> None:
    home = folder.parent / ".dapr"
    home.mkdir()
    component(folder, "pubsub", "value: events.db")
    (folder / "components").rename(home / "components")
    assert [log.path for log in (await find(places(folder))).logs] == [folder / "events.db"]


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({}, r"there is no dapr\.yaml here, and no folder .*Name the folder"),
        ({"resources": [Path("absent")]}, "--resources-path absent: there is no such folder"),
        ({"run_file": Path("absent.yaml")}, r"there is no run file absent\.yaml"),
    ],
)
async def test_where_nothing_can_be_looked_for_it_says_what_to_name(
    folder: Path, more: dict[str, object], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        await find(places(folder, **more))
