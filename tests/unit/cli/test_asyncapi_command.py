"""`outboard asyncapi` as one calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from support.outboard_command import calling

SHOP = """
from outboard import Outboard
from pydantic import BaseModel

board = Outboard(app_id="shop")


class Order(BaseModel):
    number: int


orders = board.topic("orders", Order)
"""

called = calling("asyncapi")


@pytest.fixture(autouse=True)
def shop(here: Path) -> None:
    (here / "shop.py").write_text(SHOP, encoding="utf-8")


def test_a_document_is_printed_and_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("shop", "--to", "old.json") == 0
    assert capsys.readouterr().out == ""
    written = json.loads(Path("old.json").read_text("utf-8"))
    assert called("shop") == 0
    assert yaml.safe_load(capsys.readouterr().out) == written
    assert called("old.json", "-o", "json") == 0
    assert json.loads(capsys.readouterr().out) == written


def test_a_break_is_exit_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("shop", "--to", "old.yaml") == 0
    assert called("shop", "--against", "old.yaml") == 0
    assert capsys.readouterr().out == "nothing has changed for anybody\n"
    Path("new.py").write_text(SHOP.replace("number: int", "number: str"), encoding="utf-8")
    assert called("new", "--against", "old.yaml") == 1
    assert "breaks consumers: orders send Order.data.number" in capsys.readouterr().out
    assert called("new", "--against", "old.yaml", "--output", "json") == 1
    assert json.loads(capsys.readouterr().out)["consumers"] == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["shop", "--against", "none.yaml"], "none.yaml cannot be read"),
        (["shop", "--against", "shop.yaml"], "it is no AsyncAPI 3 document"),
        (["none:app"], "No module named 'none'"),
        (["shop", "--to", "none/x.yaml"], "cannot be written"),
        ([], "there is no app"),
    ],
)
def test_a_mistake_is_exit_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.yaml").write_text("a: 1\n", encoding="utf-8")
    assert called(*arguments) == 2
    assert told in capsys.readouterr().err
