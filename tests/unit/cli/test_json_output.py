"""What `--output json` writes, in every command alike."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard import cli
from outboard.cli.json_output import write_json


def test_a_value_is_one_line_with_letters_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    write_json({"title": "Köln 北京", "text": "a\nb"})
    assert capsys.readouterr().out == '{"title": "Köln 北京", "text": "a\\nb"}\n'


def test_no_command_writes_json_in_its_own_way() -> None:
    folder = Path(next(iter(cli.__path__)))
    writers = {path.name for path in folder.glob("*.py") if "ensure_ascii" in path.read_text("utf-8")}
    assert writers == {"json_output.py"}
