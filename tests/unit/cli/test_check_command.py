"""`outboard check` and `outboard explain` as one calls them."""

from __future__ import annotations

import io
import json
import threading
from pathlib import Path

import pytest

from outboard.cli import main
from outboard.cli.console import progress
from support.outboard_command import calling

GOOD = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata:
  name: store
spec:
  type: state.in-memory
  version: v1
"""
BAD = GOOD.replace("in-memory", "in-memori")
POD = """\
apiVersion: v1
kind: Pod
metadata:
  name: shop
  annotations:
    dapr.io/enabled: true # on
    dapr.io/app-id: shop
"""

pytestmark = pytest.mark.usefixtures("here")
called = calling()


def test_the_exit_code_says_what_was_found(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(GOOD, encoding="utf-8")
    assert called("check") == 0
    assert capsys.readouterr().out == "nothing found in 1 document of 1 file\n"
    (here / "a.yaml").write_text(BAD, encoding="utf-8")
    assert called("check", "a.yaml") == 1
    assert "a.yaml:6:9: error: there is no component type `state.in-memori`" in capsys.readouterr().out
    assert called("check", "b.yaml") == 2
    assert "there is no b.yaml" in capsys.readouterr().err


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(f"{GOOD}---\n{BAD}".encode())))
    assert called("check", "-", "-o", "json") == 1
    found = json.loads(capsys.readouterr().out)
    assert {each["file"] for each in found["findings"]} == {"(standard input)"}
    assert found["documents"] == 2


def test_fix_changes_the_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_bytes(b"\xef\xbb\xbf" + POD.encode())
    assert called("check") == 1
    assert called("check", "--fix") == 0
    assert "mended: 1" in capsys.readouterr().err
    assert (here / "a.yaml").read_bytes() == b"\xef\xbb\xbf" + POD.replace("true", '"true"').encode()


def test_a_baseline(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "a.yaml").write_text(BAD, encoding="utf-8")
    assert called("check", "--write-baseline", "known.json") == 0
    assert called("check", "--baseline", "known.json") == 0
    assert "1 of the baseline not shown" in capsys.readouterr().out
    (here / "a.yaml").write_text("# more\n" + BAD.replace("memori", "memry"), encoding="utf-8")
    assert called("check", "--baseline", "known.json") == 1
    assert called("check", "--baseline", "other.json") == 2


@pytest.mark.parametrize(
    ("setting", "code"),
    [
        ('ignore = ["OB102"]', 0),
        ('ignore = ["unknown-component-type"]', 0),
        ('exclude = ["a.yaml"]', 0),
        ('per-file-ignores = {"*.yaml" = ["OB102"]}', 0),
        ('severity = "error"', 1),
        ('ignore = ["OB999"]', 2),
        ("ignore = 1", 2),
        ('severity = "bad"', 2),
        ("ignor = []", 2),
    ],
)
def test_settings_of_the_project(here: Path, setting: str, code: int) -> None:
    (here / "a.yaml").write_text(BAD, encoding="utf-8")
    (here / "pyproject.toml").write_text(f"[tool.outboard.check]\n{setting}\n", encoding="utf-8")
    assert called("check") == code


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--select", "OB101"], 0),
        (["--ignore", "OB102"], 0),
        (["--ignore", "OB1O2"], 2),
        (["--statistics"], 1),
        (["--dapr-version", "1.17"], 1),
        (["--dapr-version", "new"], 2),
        (["-o", "sarif"], 1),
        (["-o", "junit"], 1),
        (["-o", "github"], 1),
    ],
)
def test_options(here: Path, arguments: list[str], code: int) -> None:
    (here / "a.yaml").write_text(BAD, encoding="utf-8")
    assert called("check", *arguments) == code


def test_explain(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("explain", "missing-auth-type") == 0
    assert capsys.readouterr().out.startswith("OB101 missing-auth-type (error)\n")
    assert called("explain") == 0
    assert capsys.readouterr().out.startswith("OB001 invalid-yaml ")
    assert called("explain", "OB100") == 2
    assert "there is no rule `OB100`" in capsys.readouterr().err


def test_explain_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert called("explain", "OB101", "-o", "json") == 0
    rule = json.loads(capsys.readouterr().out)
    assert rule.keys() == {"code", "name", "severity", "summary", "consequence", "fix", "page"}
    assert (rule["code"], rule["name"], rule["severity"]) == ("OB101", "missing-auth-type", "error")
    assert called("explain", "--output", "json") == 0
    assert rule in json.loads(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("outboard explain missing-au", {"missing-auth-type"}),
        ("outboard explain OB10", {f"OB10{digit}" for digit in range(1, 10)}),
        ("outboard check --select plain", {"plain-text-secret"}),
        ("outboard check --ignore zzz", set()),
    ],
)
def test_a_shell_completes_rules(
    line: str, words: set[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("_OUTBOARD_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", line)
    monkeypatch.setenv("COMP_CWORD", str(len(line.split()) - 1))
    with pytest.raises(SystemExit):
        main([])
    assert set(capsys.readouterr().out.split()) == words


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.written = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self.written.set()
        return super().write(text)


@pytest.mark.parametrize(("no_colour", "coloured"), [("", True), ("1", False)])
def test_colour_on_a_terminal_unless_no_color(
    no_colour: str, coloured: bool, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "a.yaml").write_text(BAD, encoding="utf-8")
    monkeypatch.setenv("NO_COLOR", no_colour)
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    monkeypatch.setattr("sys.stdout", out)
    assert called("check") == 1
    assert ("\x1b[" in out.getvalue()) is coloured
    assert "there is no component type" in out.getvalue()


def test_what_takes_long_is_told_on_a_terminal_and_cleared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("outboard.cli.console.PATIENCE", 0.01)
    stream = Terminal()
    with progress(stream) as say:
        say("checking")
        assert stream.written.wait(60)
    assert "checking: 0 s" in stream.getvalue()
    assert stream.getvalue().endswith("\r\x1b[K")
    plain = io.StringIO()
    with progress(plain) as say:
        say("checking")
    assert plain.getvalue() == ""
