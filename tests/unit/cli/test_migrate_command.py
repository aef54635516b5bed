"""`outboard migrate` as one calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.outboard_command import calling

SOURCE = 'requests.post("/v1.0/publish/events/orders")\n'

called = calling("migrate")


@pytest.fixture(autouse=True)
def shop(here: Path) -> None:
    (here / "shop.py").write_text(SOURCE, encoding="utf-8")


def test_places_are_listed_and_nothing_is_changed(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--dry-run") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "shop.py:1: raw-publish: `requests.post(...)` to topic 'orders'"
    assert lines[1].startswith("    instead: `await orders.publish(data, key=...)`")
    assert lines[-1] == "1 file read, 1 place to change, nothing was changed"
    assert Path("shop.py").read_text("utf-8") == SOURCE


def test_places_for_other_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("--dry-run", "--output", "json", "shop.py") == 1
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == 1
    assert (told["places"][0]["file"], told["places"][0]["line"]) == ("shop.py", 1)


def test_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    Path("shop.py").write_text("print()\n", encoding="utf-8")
    assert called("--dry-run", ".") == 0
    assert capsys.readouterr().out == "1 file read, 0 places to change, nothing was changed\n"


@pytest.mark.parametrize(
    ("arguments", "told"), [([], "changes no code"), (["--dry-run", "none"], "none does not exist")]
)
def test_a_mistake_is_exit_2(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(*arguments) == 2
    assert told in capsys.readouterr().err
