"""What happens in a run, and what its folder says of it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from outboard.clock import SystemClock
from outboard.errors import ServiceDied
from outboard.run.output.events import (
    AppEnded,
    AppStarted,
    Caution,
    FiledLine,
    LogLine,
    Note,
    Ready,
    RunEvent,
    SidecarStarted,
    Source,
)
from outboard.run.output.logrus import parse_line
from outboard.run.output.records import log_record
from outboard.run.plan.plan import AppPlan, RunPlan
from outboard.run.recording import recorded
from outboard.runs.finding import RunState, all_runs, find_run, tokens_of
from outboard.runs.folder import RunFolder
from outboard.runs.log import tail


def plan(tmp_path: Path, **changed: object) -> RunPlan:
    app = AppPlan(
        app_id="api",
        directory=tmp_path,
        command=("api",),
        app_port=8000,
        app_host="127.0.0.1",
        http_port=3500,
        grpc_port=50001,
        sidecar=(
            "--app-id",
            "api",
            "--resources-path",
            "components",
            "--resources-path",
            str(tmp_path / "x"),
        ),
        origin="dapr.yaml:3",
        variables={"APP_PROTOCOL": "https", "DAPR_METRICS_PORT": "9090"},
        tokens={"DAPR_API_TOKEN": "made"},
        own_variables={"APP_API_TOKEN": "given", "PASSWORD": "hidden", "NAMESPACE": "todo"},
    )
    return RunPlan((app,), run_file=tmp_path / "dapr.yaml", **changed)  # type: ignore[arg-type]


def test_a_run_is_told_as_it_goes_on(tmp_path: Path) -> None:
    told: list[RunEvent] = []
    runs = tmp_path / "runs"
    events: list[RunEvent] = [AppStarted("api", 12), SidecarStarted("api", 13), Ready(()), Note("n")]
    with recorded(plan(tmp_path, daprd=tmp_path / "daprd"), runs, told.append, SystemClock()) as report:
        begun = find_run(runs)
        for event in events:
            report(event)
        run = find_run(runs)
        tokens = tokens_of(run)
    (app,) = run.record.apps
    assert (begun.record.ready, begun.record.apps[0].pid) == (False, 0)
    assert (run.record.engine, run.record.run_file) == ("daprd", str(tmp_path / "dapr.yaml"))
    assert run.record.ready
    assert (app.pid, app.sidecar_pid, app.http_port, app.metrics_port) == (12, 13, 3500, 9090)
    assert (app.app_protocol, app.namespace) == ("https", "todo")
    assert app.resources_paths == (str(tmp_path / "components"), str(tmp_path / "x"))
    assert tokens == {"api": {"DAPR_API_TOKEN": "made", "APP_API_TOKEN": "given"}}
    assert told == events
    (ended,) = all_runs(runs)
    assert (ended.state, ended.record.problem, tokens_of(ended)) == (RunState.ENDED, "", {})
    assert "hidden" not in (ended.path / "run.json").read_text(encoding="utf-8")


def test_an_apps_end_and_its_next_start_are_told(tmp_path: Path) -> None:
    with recorded(plan(tmp_path), tmp_path / "runs", lambda event: None, SystemClock()) as report:
        report(AppStarted("api", 12))
        report(AppEnded("api", 3, "it is started again when its files change"))
        (ended,) = find_run(tmp_path / "runs").record.apps
        report(AppStarted("api", 14))
        (again,) = find_run(tmp_path / "runs").record.apps
    assert (ended.pid, ended.exit_code) == (0, 3)
    assert again.pid == 14


def test_why_a_run_ended_is_told(tmp_path: Path) -> None:
    with (
        pytest.raises(ServiceDied),
        recorded(plan(tmp_path), tmp_path / "runs", lambda event: None, SystemClock()),
    ):
        raise ServiceDied("api", 7)
    (run,) = all_runs(tmp_path / "runs")
    assert run.record.problem.startswith("api ended with exit code 7")


def test_lines_are_kept_those_for_a_file_alone_too_and_these_are_not_shown(tmp_path: Path) -> None:
    told: list[RunEvent] = []
    lines = [
        LogLine("api", Source.SIDECAR, 'Component loaded: "pubsub"', "warn"),
        FiledLine("api", Source.APP, "Traceback\n  größer"),
        LogLine("", Source.SIDECAR, "of nobody"),
    ]
    with recorded(plan(tmp_path), tmp_path / "runs", told.append, SystemClock()) as report:
        for line in lines:
            report(line)
    folder = RunFolder(all_runs(tmp_path / "runs")[0].path)
    (record,) = tail(folder.log("api", "sidecar"), 5)
    assert parse_line(record) == ("warn", 'Component loaded: "pubsub"')
    assert tail(folder.log("api", "app"), 5) == ["Traceback", "  größer"]
    assert told == [lines[0], lines[2]]


def test_a_sidecars_line_has_its_time() -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)
    line = LogLine("api", Source.SIDECAR, "a\nb")
    assert log_record(line, now) == 'time="2026-01-02T03:04:05.678Z" level=info msg="a\\nb"'


def test_where_nothing_can_be_written_the_run_goes_on_and_says_so_once(tmp_path: Path) -> None:
    told: list[RunEvent] = []
    (tmp_path / "runs").write_text("a file", encoding="utf-8")
    with recorded(plan(tmp_path), tmp_path / "runs", told.append, SystemClock()) as report:
        report(AppStarted("api", 12))
        report(LogLine("api", Source.APP, "x"))
        report(FiledLine("api", Source.APP, "x"))
    caution, *others = told
    assert isinstance(caution, Caution)
    assert "not recorded, so that `outboard doctor` does not find it" in caution.text
    assert others == [AppStarted("api", 12), LogLine("api", Source.APP, "x")]


def test_a_folder_that_goes_while_it_runs_is_told_once(tmp_path: Path) -> None:
    told: list[RunEvent] = []
    with recorded(plan(tmp_path), tmp_path / "runs", told.append, SystemClock()) as report:
        path = find_run(tmp_path / "runs").path
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
        report(AppStarted("api", 12))
        report(AppStarted("api", 13))
    assert [type(event) for event in told] == [Caution, AppStarted, AppStarted]
