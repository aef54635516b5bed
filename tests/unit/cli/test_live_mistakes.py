"""What a person can do wrong with the commands by hand: one message, on the standard error stream."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from outboard.cli import main

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: {name}}}
spec: {{type: {type}, version: v1}}
"""


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command in an empty home folder: its exit code."""
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        return ended.value.code

    return run


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["publish", "-t", "jobs", "-d", "{}"], "there is no run"),
        (["publish", "-t", "jobs", "-d", "{}", "-f", "x"], "--data and --data-file are both given"),
        (["publish", "-t", "jobs", "-d", "{}", "--metadata", "x"], "--metadata x has no `=`"),
        (["publish", "-t", "jobs", "-d", "{}", "--metadata", "{x"], "--metadata {x is no JSON"),
        (["publish", "-t", "jobs", "-d", "{}", "--dapr-http-port", "1"], "no sidecar answers"),
        (["publish", "-d", "{}"], "Missing option"),
        (["publish", "-t", "", "-d", "{}"], "--topic is empty"),
        (
            ["publish", "-t", "jobs", "-d", "{}", "--raw", "--id", "a"],
            "bytes as they are, which have no --id",
        ),
        (["publish", "-t", "jobs", "-f", "nowhere.json"], "--data-file nowhere.json cannot be read"),
        (["trace", "--causes"], "--causes tells what led to one event"),
        (["trace", "4f3c", "--conversation", "c"], "are two questions"),
        (["trace", "--yes"], "--yes is for --erase alone"),
        (["trace", "--erase", "--key", "1", "--topic", "x", "--yes"], "--topic would not narrow that"),
        (["trace", "--follow", "-o", "mermaid"], "and a diagram looks back"),
        (["trace", "--since", "5"], "--since 5 is no duration. Write it as"),
        (["trace", "--since=-5m"], "--since -5m is a time to come"),
        (["trace", "--record", ".", "--run", "2026"], "--record and --run name two records"),
        (["trace", "--erase", "--key", "1", "-o", "mermaid"], "--erase shows no diagram"),
        (["doctor", "--wait=-5m"], "--wait -5m is less than nothing"),
        (["doctor", "--bundle", "."], "--bundle . cannot be written: it is a folder"),
        (["doctor", "--bundle", "nowhere/seen.json"], "cannot be written: there is no folder nowhere"),
        (["doctor", "--pre"], "--pre asks of a namespace of a cluster"),
        (["routes", "jobs"], "there is no run"),
        (["routes", ""], "there is no topic"),
        (["routes", "nowhere.json"], "nowhere.json cannot be read: No such file"),
        (
            ["routes", "jobs", "--dapr-http-port", "1"],
            "no sidecar answers: its sidecar at http://127.0.0.1:1",
        ),
        (["subscribe", "jobs"], "there is no run"),
        (["subscribe", ""], "there is no topic"),
        (["state", "get", "k"], "there is no run"),
        (["state", "set", "k", "1", "-f", "x"], "VALUE and --file are both given"),
        (["state", "set", "k", "-f", "nowhere"], "--file nowhere cannot be read: No such file"),
        (["state", "set", "k", "-f", "bytes"], "the value is no text in UTF-8 (byte 2)"),
        (["state", "set", "k", "-f", "deep"], "the value is nested too deeply"),
        (["state", "get", "k", "--resources-path", "memory"], "there is no state store in memory"),
        (["state", "get", "k", "--resources-path", "state"], "Name it with --app-id"),
        (["state", "list", "--resources-path", "state", "-i", "a"], "its keys cannot be listed"),
        (["state", "list", "--resources-path", "state", "-i", "a", "-s", "stores"], "Did you mean `store`?"),
        (["subscribe", "jobs", "--resources-path", "."], "there is no pub/sub component in ."),
        (["subscribe", "jobs", "--resources-path", "memory"], "outboard trace --topic jobs --follow"),
        (["subscribe", "jobs", "--resources-path", "memory", "-p", "pupsub"], "Did you mean `pubsub`?"),
        (["subscribe", "jobs", "--resources-path", "daprd"], "cannot be looked on"),
        (["routes", "jobs", "--resources-path", "nowhere"], "there is no such folder"),
        (["routes", "jobs", "--run-file", "x", "--dapr-http-port", "1"], "name two sidecars"),
        (["routes", "list.json", "-t", "x"], "list.json is no JSON object"),
        (["routes", "event.json"], "the event in event.json names no topic"),
        (["routes", "jobs", "-t", "jobs"], "the topic is named twice"),
    ],
)
def test_mistakes_are_one_message(
    tmp_path: Path,
    command: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
    arguments: Sequence[str],
    said: str,
) -> None:
    (tmp_path / "list.json").write_text("[]", encoding="utf-8")
    (tmp_path / "event.json").write_text("{}", encoding="utf-8")
    (tmp_path / "bytes").write_bytes(b"a\xff")
    (tmp_path / "deep").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    for name, type in (("memory", "pubsub.in-memory"), ("daprd", "pubsub.rabbitmq")):
        (tmp_path / name).mkdir()
        text = COMPONENT.format(name="pubsub", type=type)
        (tmp_path / name / "pubsub.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "store.yaml").write_text(
        COMPONENT.format(name="store", type="state.in-memory"), encoding="utf-8"
    )
    code, written = command(*arguments), capsys.readouterr()
    assert (code, written.out) == (2, ""), written
    assert said in " ".join(written.err.split())
