"""The document of apps, held against AsyncAPI's own JSON schema, and its payloads against events."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from outboard.asyncapi.comparing import changes
from outboard.asyncapi.reading import as_yaml, document_of, read_document
from outboard.errors import CommandError

SCHEMA = json.loads((Path(__file__).parents[2] / "support/asyncapi/schema-3.0.0.json").read_text("utf-8"))

SHOP = """
from typing import Annotated, Any, Literal

from fastapi import FastAPI
from outboard import Event, Outboard
from pydantic import BaseModel, Field

board = Outboard(app_id="shop", pubsub="events")
app = FastAPI(lifespan=board.lifespan, title="Shop", version="2.1", description="Sells.")
board.mount(app)


class Line(BaseModel):
    sku: str
    pieces: int = Field(default=1, gt=0)
    inside: "list[Line]" = []


class Placed(BaseModel):
    kind: Literal["placed"] = "placed"
    lines: list[Line]
    place: tuple[float, float] | None = None


class Cancelled(BaseModel):
    kind: Literal["cancelled"] = "cancelled"
    number: int


class Old(BaseModel):
    sku: str


orders = board.topic(
    "orders", Annotated[Placed | Cancelled, Field(discriminator="kind")], type="order", dataschema="urn:o:2"
)
mails = board.topic("mails", Placed, type=lambda data: data.kind)
raw = board.topic("raw", bytes)
anything = board.topic("anything/at all")
pictures = board.topic("pictures", dict[str, Annotated[Any, Field()]])


@orders.upcast(Old, dataschema=None)
def from_old(old: Old) -> Placed:
    return Placed(lines=[Line(sku=old.sku)])


@orders.subscribe("/orders")
async def on_order(event: Event[Placed | Cancelled]) -> None:
    if isinstance(event.data, Placed):
        await mails.publish(event.data)
"""

NOTIFICATION = """
from fastapi import FastAPI
from outboard import Event, Outboard
from pydantic import BaseModel

board = Outboard(app_id="notification", pubsub="events")
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


class Placed(BaseModel):
    kind: str


@board.topic("mails", Placed).subscribe("/mails")
async def on_mail(event: Event[Placed]) -> None: ...
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "shop.py").write_text(SHOP, encoding="utf-8")
    (tmp_path / "notification.py").write_text(NOTIFICATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def made(*apps: str, title: str = "", version: str = "") -> dict[str, Any]:
    found, remarks = document_of(apps, Path("dapr.yaml"), title, version)
    assert remarks == []
    jsonschema.Draft7Validator(SCHEMA).validate(found)
    return found


def payloads(document: dict[str, Any], operation: str) -> dict[str, jsonschema.Draft7Validator]:
    found = {}
    for each in document["operations"][operation]["messages"]:
        name = each["$ref"].rpartition("/")[2]
        payload = document["components"]["messages"][name]["payload"]
        found[name] = jsonschema.Draft7Validator({**payload, "components": document["components"]})
    return found


def event(**members: Any) -> dict[str, Any]:
    return {"specversion": "1.0", "id": "1", "source": "shop", "type": "order", "topic": "orders"} | members


def test_one_app(folder: Path) -> None:
    found = made("shop:app")
    assert found["info"] == {"title": "Shop", "version": "2.1", "description": "Sells."}
    assert {name: (each["address"], each["x-dapr-pubsub"]) for name, each in found["channels"].items()} == {
        "events.orders": ("orders", "events"),
        "events.mails": ("mails", "events"),
        "events.raw": ("raw", "events"),
        "events.anything_at_all": ("anything/at all", "events"),
        "events.pictures": ("pictures", "events"),
    }
    assert set(found["operations"]) == {
        "shop.receive.events.orders",
        "shop.send.events.mails",
        "shop.send.events.raw",
        "shop.send.events.anything_at_all",
        "shop.send.events.pictures",
    }


def test_what_an_app_receives(folder: Path) -> None:
    receives = payloads(made("shop:app"), "shop.receive.events.orders")
    assert list(receives) == ["Placed.received", "Cancelled", "Old"]
    placed = event(data={"lines": [{"sku": "a"}]})
    assert receives["Placed.received"].is_valid(placed)  # what has a default may be missing
    assert receives["Placed.received"].is_valid(placed | {"dataschema": "urn:o:2"})
    assert not receives["Placed.received"].is_valid(placed | {"dataschema": "urn:o:1"})
    assert receives["Old"].is_valid(event(data={"sku": "a"}))
    assert not receives["Old"].is_valid(event(data={"sku": "a"}, dataschema="urn:o:2"))


def test_what_an_app_sends(folder: Path) -> None:
    found = made("shop:app")
    mails = payloads(found, "shop.send.events.mails")["Placed"]
    line = {"sku": "a", "pieces": 1, "inside": []}
    assert mails.is_valid(event(data={"kind": "placed", "lines": [line], "place": [1, 2.5]}))
    assert not mails.is_valid(event(data={"kind": "placed", "lines": [line]}))  # all fields are written
    assert not mails.is_valid(event(data={"kind": "placed", "lines": [line], "place": [1]}))
    assert mails.is_valid(event(data={"kind": "placed", "lines": [line], "place": None, "more": 1}))  # later
    assert not mails.is_valid(event())
    assert payloads(found, "shop.send.events.raw")["bytes"].is_valid(
        event(type="com.dapr.event.sent", data_base64="AP8=")
    )


def test_several_apps_with_models_of_one_name(folder: Path) -> None:
    found = made("shop:app", "notification:app", title="The shop", version="7")
    assert found["info"] == {"title": "The shop", "version": "7"}
    assert list(found["channels"]["events.mails"]["messages"]) == ["Placed", "Placed.notification.received"]
    assert found["operations"]["notification.receive.events.mails"]["x-handlers"] == ["/mails"]


def test_the_apps_of_a_run_file(folder: Path) -> None:
    (folder / "dapr.yaml").write_text(
        "version: 1\napps:\n"
        "  - appID: shop\n    appDirPath: .\n    appPort: 8001\n"
        '    command: ["python", "-m", "uvicorn", "shop:app"]\n',
        encoding="utf-8",
    )
    assert "shop.send.events.mails" in made()["operations"]


def test_a_document_says_the_same_in_yaml_and_json(folder: Path) -> None:
    found = made("shop:app")
    assert yaml.safe_load(as_yaml(found)) == json.loads(json.dumps(found)) == found
    assert "&id" not in as_yaml(found)
    Path("old.yaml").write_text(as_yaml(found), encoding="utf-8")
    assert changes(read_document(Path("old.yaml")), found) == []


CHANGES = [
    ("sku: str\n", "sku: str\n    colour: str | None = None\n", []),
    ("number: int\n", 'number: int\n    why: str = ""\n', []),
    ("sku: str\n", "sku: str\n    colour: str\n", [("producers", "data.lines[].colour", "required")]),
    (
        "    pieces: int = Field(default=1, gt=0)\n",
        "",
        [("consumers", "data.lines[].pieces", "required")],
    ),
    ("gt=0", "ge=0", [("consumers", "data.lines[].pieces", "constraint")]),
    ("gt=0", "gt=1", [("producers", "data.lines[].pieces", "constraint")]),
]


@pytest.mark.parametrize(("old", "new", "breaks"), CHANGES)
def test_what_a_change_of_a_model_breaks(
    folder: Path, old: str, new: str, breaks: list[tuple[str, str, str]]
) -> None:
    before = made("shop:app")
    (folder / "shop.py").write_text(SHOP.replace(old, new, 1), encoding="utf-8")
    found = changes(before, made("shop:app"))
    assert {(each.breaks, each.path, each.rule) for each in found if each.breaks} == set(breaks)
    assert found  # what breaks nobody is told, too


def test_an_alternative_is_added_to_a_field(folder: Path) -> None:
    app = """
from typing import Annotated, Literal

from fastapi import FastAPI
from outboard import Event, Outboard
from pydantic import BaseModel, Field

board = Outboard(app_id="pets", pubsub="events")
app = FastAPI(lifespan=board.lifespan)
board.mount(app)


class Cat(BaseModel):
    kind: Literal["cat"] = "cat"
    lives: int = 9


class Dog(BaseModel):
    kind: Literal["dog"] = "dog"


class Bird(BaseModel):
    kind: Literal["bird"] = "bird"


class Owner(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]


@board.topic("owners", Owner).subscribe("/owners")
async def on_owner(event: Event[Owner]) -> None: ...
"""
    (folder / "pets.py").write_text(app, encoding="utf-8")
    before = made("pets:app")
    (folder / "pets.py").write_text(app.replace("Cat | Dog,", "Cat | Dog | Bird,"), encoding="utf-8")
    wider = made("pets:app")
    assert not payloads(before, "pets.receive.events.owners")["Owner"].is_valid(event(data={"pet": {}}))
    assert [(each.breaks, each.rule, each.text) for each in changes(before, wider)] == [
        ("", "alternative", 'object with kind "bird" fits none of the alternatives')
    ]
    assert [(each.breaks, each.path) for each in changes(wider, before)] == [("producers", "data.pet")]
    (folder / "pets.py").write_text(app.replace("lives: int", "lives: str"), encoding="utf-8")
    assert [(each.path, each.text) for each in changes(before, made("pets:app"))] == [
        ("data.pet.lives", "integer is not string")
    ]


def test_a_model_without_a_schema_is_told(folder: Path) -> None:
    Path("odd.py").write_text(
        "from collections.abc import Callable\nfrom pydantic import BaseModel\n"
        "from outboard import Outboard\n\n\n"
        "class Odd(BaseModel):\n    call: Callable[[], None]\n\n\n"
        'board = Outboard(app_id="odd")\nodd = board.topic("odd", Odd)\n',
        encoding="utf-8",
    )
    found, remarks = document_of(["odd"], Path("dapr.yaml"), "", "")
    assert "there is no schema of Odd: Cannot generate a JsonSchema" in remarks[0]
    jsonschema.Draft7Validator(SCHEMA).validate(found)


@pytest.mark.parametrize(
    ("named", "told"),
    [
        ([], "there is no app to be described"),
        (["no such name"], "this names no app"),
        (["nowhere:app"], "No module named 'nowhere'"),
        (["missing.yaml"], "missing.yaml cannot be read: No such file"),
        (["shop.json"], "shop.json is neither YAML nor JSON"),
        (["deep.json"], "deep.json is nested too deeply"),
    ],
)
def test_what_cannot_be_described(folder: Path, named: list[str], told: str) -> None:
    Path("shop.json").write_text("{", encoding="utf-8")
    Path("deep.json").write_text('{"a":' * 100_000, encoding="utf-8")
    with pytest.raises(CommandError, match=told):
        document_of(named, Path("dapr.yaml"), "", "")
