"""`outboard schema` as one calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.outboard_command import calling

pytestmark = pytest.mark.usefixtures("here")
called = calling("schema")


def test_a_schema_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("pubsub.kafka") == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["properties"]["spec"]["properties"]["type"]["anyOf"][0]["enum"] == ["pubsub.kafka"]


def test_without_a_word_it_is_that_of_any_resource(capsys: pytest.CaptureFixture[str]) -> None:
    assert called() == 0
    assert json.loads(capsys.readouterr().out)["title"] == "Dapr resource"


def test_all_are_written_into_a_folder(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert called("all", "--to", "schemas") == 0
    assert "written: schemas/component.schema.json" in capsys.readouterr().out.replace("\\", "/")
    names = {each.name for each in (here / "schemas").iterdir()}
    assert {"resource.schema.json", "run-file.schema.json", "subscription.schema.json"} <= names
    assert called("all", "--to", "schemas") == 0
    assert capsys.readouterr().out == "everything is up to date\n"


def test_the_settings_of_vscode_are_written(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "parts").mkdir()
    (here / "dapr.yaml").write_text(
        "version: 1\napps:\n  - appID: shop\n    appDirPath: .\n    resourcesPath: parts\n", encoding="utf-8"
    )
    settings = here / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n  // mine\n  "files.eol": "\\n"\n}\n', encoding="utf-8")
    assert called("--vscode", "-o", "json") == 0
    assert len(json.loads(capsys.readouterr().out)["written"]) == 3
    text = settings.read_text(encoding="utf-8")
    assert text.startswith('{\n  // mine\n  "files.eol": "\\n",\n')
    assert '"parts/*.yaml"' in text
    assert called("--vscode") == 0
    assert capsys.readouterr().out == "everything is up to date\n"
    assert settings.read_text(encoding="utf-8") == text


def test_settings_that_are_no_json_are_left_as_they_are(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = here / ".vscode" / "settings.json"
    settings.parent.mkdir()
    settings.write_text("{ broken", encoding="utf-8")
    assert called("--vscode") == 2
    told = capsys.readouterr().err
    assert "settings.json is left as it is: line 1: no key in quotes" in told
    assert '"yaml.schemas"' in told
    assert settings.read_text(encoding="utf-8") == "{ broken"
    assert not (here / ".vscode" / "outboard").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["pubsub.kafca"], "Did you mean `pubsub.kafka`"),
        (["all"], "Name a folder"),
        (["pubsub.kafka", "--to", "x"], "which is printed"),
        (["dapr.yaml", "--vscode"], "Leave the rest out"),
    ],
)
def test_wrong_usage(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert called(*arguments) == 2
    assert told in capsys.readouterr().err
