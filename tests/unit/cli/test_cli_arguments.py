"""The command line: daprd's flags, help, completion, and what is said about mistakes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from outboard.cli import main
from outboard.cli.parameters import flowing
from outboard.run.plan.settings import SETTINGS
from outboard.sidecar.process.flags import FLAGS

TEMPLATE = """\
version: 1
apps:
  - appID: backend
    appDirPath: .
    appPort: {port}
    daprHTTPPort: {port}1
    command: [python, -m, backend]
    env: {{TOKEN: secret}}
"""


class Ended:
    """The exit code of the command, and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def outboard(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Command:
    monkeypatch.chdir(tmp_path)
    for variable in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(variable, str(tmp_path / "home"))
    return Command(capsys)


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Ended:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        out, err = self._capsys.readouterr()
        code = ended.value.code
        assert "Traceback" not in err
        return Ended(code if isinstance(code, int) else 0, out, err)


@pytest.mark.parametrize(
    "given", [["-version"], ["--version=true"], ["--log-as-json=false", "-app-id", "x", "--version"]]
)
def test_the_sidecar_takes_daprds_way_of_writing(outboard: Command, given: Sequence[str]) -> None:
    ended = outboard("sidecar", *given)
    assert (ended.code, ended.out) == (0, "1.18.1\n")


def test_help_teaches_with_examples(outboard: Command) -> None:
    for arguments in (
        ["--help"],
        ["run", "-h"],
        ["sidecar", "--help"],
        ["sidecar", "--app-id", "x", "-help"],
    ):
        ended = outboard(*arguments)
        assert ended.code == 0
        assert "Examples:" in ended.out
        assert "\x1b" not in ended.out


@pytest.mark.parametrize("group", ["", "engines", "topics", "state", "dead-letters", "outbox"])
def test_no_summary_of_a_command_is_cut(outboard: Command, group: str) -> None:
    listed = outboard(*group.split(), "--help").out.partition("Commands:")[2]
    assert listed.count("  ") > 3
    assert "..." not in listed


def test_help_of_the_sidecar_knows_every_flag_with_an_effect(outboard: Command) -> None:
    text = outboard("sidecar", "--help").out
    for flag in FLAGS:
        assert (f"--{flag.name} " in text) != flag.inert


def test_the_sidecar_has_every_flag_that_run_gives_it() -> None:
    assert {setting.flag for setting in SETTINGS} <= {flag.name for flag in FLAGS}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sidecar", "--app-idd", "x"], "--app-id"),
        (["sidecar", "-app-prot", "1"], "--app-port"),
        (["sidecar", "--app-port", "web"], "--app-port"),
        (["sidecar", "--log-as-json=maybe", "--app-id", "x"], "--log-as-json"),
        (["sidecar", "--app-id", "x", "--app-health-threshold=many"], "'many' is not a whole number"),
        (["sidecar", "--app-id", "x", "--enable-mtls=maybe"], "--enable-mtls 'maybe' is not `true` or"),
        (["sidecar", "orders"], "'orders' is not a flag"),
        (["sidecar"], "--app-id is missing"),
        (["sidecar", "--app-id", "a.b"], "dot"),
        (["run", "--app-idd", "x"], "--app-id"),
        (["run", "--app-id", "x", "-f", "dapr.yaml"], "exclude each other"),
        (["run", "dapr.yaml"], "Name a run file with -f: `outboard run -f dapr.yaml`"),
        (["run", "dapr.yaml", "--dry-run"], "Name a run file with -f: `outboard run -f dapr.yaml`"),
        (["run", "--app-port", "8000"], "--app-port is for one app"),
        (["run", "--components-path", "components"], "use `--resources FOLDER`"),
        (["run"], "there is no run file"),
        (["run", "-f", "nowhere"], "there is no run file"),
        (["frobnicate"], "No such command"),
    ],
)
def test_wrong_usage_is_told_and_exits_with_2(outboard: Command, arguments: list[str], said: str) -> None:
    if "--app-id" not in arguments and arguments != ["run"]:
        Path("dapr.yaml").write_text("version: 1\napps: [{appDirPath: .}]\n", encoding="utf-8")
    ended = outboard(*arguments)
    assert ended.code == 2
    assert said in ended.err


@pytest.mark.parametrize("wanted", [["-o", "json"], ["--output=json"], ["--output", "json"]])
@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--nope"], "--nope"), (["--app-port", "web"], "--app-port"), (["--attach"], "--attach")],
)
def test_wrong_usage_is_an_error_event_where_json_is_asked_for(
    outboard: Command, wanted: list[str], arguments: list[str], said: str
) -> None:
    ended = outboard("run", *wanted, *arguments)
    (event,) = map(json.loads, ended.out.splitlines())
    assert (ended.code, event["event"], event["line"]) == (2, "error", 0)
    assert said in event["text"]
    assert said in ended.err


def test_wrong_usage_of_a_command_for_people_writes_nothing_to_its_output(outboard: Command) -> None:
    assert outboard("run", "--nope", "--", "x", "-o", "json").out == ""


def test_a_mistake_in_a_file_exits_with_1(outboard: Command, tmp_path: Path) -> None:
    (tmp_path / "dapr.yaml").write_text("version: 1\nappz: []\n", encoding="utf-8")
    ended = outboard("run")
    assert ended.code == 1
    assert ended.err.startswith("Error: ")
    assert "dapr.yaml:1: `apps` is missing. Line 2 has `appz`: did you mean `apps`?" in ended.err


def test_shows_its_version(outboard: Command) -> None:
    assert outboard("--version").out.startswith("outboard ")


def test_a_dry_run_is_shown_to_people_and_machines(outboard: Command, tmp_path: Path) -> None:
    (tmp_path / "dapr.yaml").write_text(TEMPLATE.format(port=4321), encoding="utf-8")
    text = outboard("run", "--dry-run")
    plan = json.loads(outboard("run", "--dry-run", "-o", "json").out)
    assert text.code == 0
    assert "http://localhost:43211" in text.out
    (app,) = plan["apps"]
    assert (app["app"], app["appPort"], app["httpPort"]) == ("backend", 4321, 43211)
    assert app["environment"]["DAPR_HTTP_PORT"] == "43211"
    assert app["command"] == [sys.executable, "-m", "backend"]
    assert "secret" not in text.out + str(plan)


def test_a_dry_run_of_one_app_from_the_command_line(outboard: Command, tmp_path: Path) -> None:
    (tmp_path / "components").mkdir()
    options = ("--app-id", "api", "-p", "4322", "-d", "components", "--enable-app-health-check")
    ended = outboard("run", "--dry-run", "-o", "json", *options, "python", "-m", "api", "--port", "1")
    (app,) = json.loads(ended.out)["apps"]
    assert app["command"][1:] == ["-m", "api", "--port", "1"]
    assert app["folder"] == str(tmp_path)
    assert {"--resources-path", "components", "--enable-app-health-check"} <= set(app["sidecar"])


def test_a_command_without_a_name_is_called_as_its_folder(
    outboard: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my shop.v2").mkdir()
    monkeypatch.chdir(tmp_path / "my shop.v2")
    for arguments in (["--", "python", "app.py"], ["python", "app.py"], ["-p", "4323", "--", "python"]):
        plan = json.loads(outboard("run", "--dry-run", "-o", "json", *arguments).out)
        assert plan["apps"][0]["app"] == "my-shop-v2"
        assert "no --app-id: the app is called 'my-shop-v2', as its folder is" in plan["notes"]


def test_the_old_name_of_the_resources_folder_is_taken(outboard: Command, tmp_path: Path) -> None:
    (tmp_path / "components").mkdir()
    arguments = ("--app-id", "api", "--components-path", "components", "--", "python")
    (app,) = json.loads(outboard("run", "--dry-run", "-o", "json", *arguments).out)["apps"]
    assert app["sidecar"][2:4] == ["--resources-path", "components"]


def test_ports_that_choose_nothing_are_as_good_as_none(outboard: Command, tmp_path: Path) -> None:
    arguments = ("--app-id", "api", "-p", "0", "-H", "-1", "--", "python")
    (app,) = json.loads(outboard("run", "--dry-run", "-o", "json", *arguments).out)["apps"]
    assert app["appPort"] is None
    assert app["httpPort"] >= 3500


def test_a_key_that_dapr_ignores_is_a_warning_and_an_error_with_strict(
    outboard: Command, tmp_path: Path
) -> None:
    text = TEMPLATE.format(port=4324) + "    appHealthTreshold: 3\n"
    (tmp_path / "dapr.yaml").write_text(text, encoding="utf-8")
    said = "dapr.yaml:9: unknown key `appHealthTreshold` is ignored. Did you mean `appHealthThreshold`?"
    warned = outboard("run", "--dry-run")
    assert warned.code == 0
    assert said in warned.out
    refused = outboard("run", "--dry-run", "--strict")
    assert refused.code == 1
    assert said in refused.out


UNSERVED = "apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata: {name: q}\nspec: {type: bindings.cron}\n"


@pytest.mark.parametrize(
    ("component", "settings", "said", "code"),
    [
        (UNSERVED, "", "caution: {place}cron.yaml:1: component 'q' (bindings.cron) is left out", 0),
        (
            UNSERVED.replace("bindings.cron", "state.sqllite"),
            "",
            "error: {place}cron.yaml:1: component 'q'",
            1,
        ),
        (
            UNSERVED.replace("bindings.cron", "pubsub.redis, metadata: [{name: concurrency, value: x}]"),
            "",
            "error: {place}cron.yaml:4: component 'q' (pubsub.redis) cannot be set up: `concurrency` must be",
            1,
        ),
        ("kind:\n\t- x\n", "", "error: {place}cron.yaml:2: not valid YAML", 1),
        ("", "appProtocol: ftp", "error: {file}:3: --app-protocol 'ftp' is not a protocol", 1),
        ("", "logLevel: loud", "error: {file}:3: --log-level 'loud' is not known", 1),
        ("", "command: [no-such-program]", "there is no program 'no-such-program'", 1),
    ],
)
def test_a_dry_run_finds_what_a_start_would_find(
    outboard: Command, tmp_path: Path, component: str, settings: str, said: str, code: int
) -> None:
    (tmp_path / "components").mkdir()
    (tmp_path / "components" / "cron.yaml").write_text(component, encoding="utf-8")
    text = TEMPLATE.format(port=4325) + "    resourcesPath: components\n"
    text = text.replace("    command: [python, -m, backend]\n", "") if "command" in settings else text
    text += f"    {settings}\n" if settings else ""
    (tmp_path / "dapr.yaml").write_text(text, encoding="utf-8")
    place = f"{tmp_path / 'components'}{os.sep}"
    ended = outboard("run", "--dry-run")
    assert ended.code == code
    assert said.format(place=place, file=tmp_path / "dapr.yaml") in ended.out
    assert "[backend]" in ended.out
    found = json.loads(outboard("run", "--dry-run", "-o", "json").out)["findings"]
    assert [each["apps"] for each in found] == [["backend"]]


def test_python_m_outboard_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "outboard", "--version"], capture_output=True, encoding="utf-8", check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("outboard ")


def test_streams_that_are_closed_are_none_of_its_business(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("stdin", "stdout", "stderr"):
        monkeypatch.setattr(sys, name, None)
    with pytest.raises(SystemExit) as ended:
        main(["routes", ""])
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        stream.close()
    assert ended.value.code == 2


def test_completion_knows_the_flags() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "outboard"],
        env={"_OUTBOARD_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "outboard sidecar --app-p"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert "--app-port" in done.stdout


def test_help_flows_to_the_width_of_the_terminal() -> None:
    assert flowing("One\n    two.\n\n    Three\n    four.\n\n    \b\n    a\n    b\n") == (
        "One two.\n\nThree four.\n\n\b\na\nb"
    )
