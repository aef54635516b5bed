"""The folders of runs: made, read, found again, and removed when there are too many."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.host.processes import ProcessIdentity, process_identity
from outboard.runs.finding import RunState, all_runs, find_run, tokens_of
from outboard.runs.folder import RunFolder, make_run_folder
from outboard.runs.log import BoundedLog, older, tail
from outboard.runs.pruning import SETTLED, prune
from outboard.runs.record import RunningApp, RunRecord

START = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
NOBODY = 2**22 + 17
"""Above the largest number that Linux gives a process."""


def a_run(
    runs: Path, minutes: int = 0, app: str = "api", *, ended: bool = False, **changed: object
) -> RunFolder:
    """The folder of a run of this process, `minutes` after the first one."""
    now = START + timedelta(minutes=minutes)
    folder = make_run_folder(runs, now)
    record = RunRecord(
        folder.run_id,
        "0.1.0",
        "outboard",
        "",
        str(runs),
        now,
        process_identity(),
        (RunningApp(app, str(runs)),),
        ended=now if ended else None,
    )
    folder.write(replace(record, **changed))  # type: ignore[arg-type]
    folder.write_tokens({app: {"DAPR_API_TOKEN": "secret"}})
    return folder


def died() -> ProcessIdentity:
    return replace(process_identity(), process=NOBODY)


@pytest.mark.skipif(os.name != "posix", reason="owners are POSIX's")
def test_a_folder_and_its_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    folder = a_run(tmp_path / "runs")
    log = BoundedLog(folder.log("api", "sidecar"))
    log.write("x")
    log.close()
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "runs", *folder.path.iterdir())}
    assert (folder.path.stat().st_mode & 0o777, modes.pop("runs")) == (0o700, 0o700)
    assert modes == {"run.json": 0o600, "tokens.json": 0o600, "api.sidecar.log": 0o600}


def test_the_record_holds_no_token(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    assert "secret" not in (folder.path / "run.json").read_text(encoding="utf-8")
    assert tokens_of(find_run(tmp_path)) == {"api": {"DAPR_API_TOKEN": "secret"}}
    folder.forget_tokens()
    assert tokens_of(find_run(tmp_path)) == {}


def test_two_runs_that_start_in_one_second_have_two_folders(tmp_path: Path) -> None:
    assert len({a_run(tmp_path).path for _ in range(20)}) == 20


def test_an_apps_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = a_run(tmp_path)
    assert folder.log("../../x", "app").parent == folder.path


# Found again


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, RunState.LIVE),
        ({"ended": START}, RunState.ENDED),
        ({"process": died()}, RunState.DIED),
        ({"process": replace(process_identity(), started=1.0)}, RunState.DIED),
        ({"process": replace(process_identity(), host="another")}, RunState.ELSEWHERE),
    ],
)
def test_the_state_of_a_run_is_that_of_its_process(
    tmp_path: Path, changed: dict[str, object], state: RunState
) -> None:
    a_run(tmp_path, **changed)  # type: ignore[arg-type]
    assert [run.state for run in all_runs(tmp_path)] == [state]


def test_the_newest_live_run_is_found(tmp_path: Path) -> None:
    a_run(tmp_path, 1)
    newest = a_run(tmp_path, 3)
    a_run(tmp_path, 4, process=died())
    a_run(tmp_path, 5, ended=True)
    assert find_run(tmp_path).path == newest.path
    assert find_run(tmp_path, live=False).record.started == START + timedelta(minutes=5)


def test_a_run_is_found_by_its_id_its_file_its_folder_and_its_app(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    todo = a_run(runs, 1, "backend", run_file=str(tmp_path / "todo" / "dapr.yaml"))
    shop = a_run(runs, 2, "shop", directory=str(tmp_path / "shop"))
    past = a_run(runs, 3, "backend", ended=True, run_file=str(tmp_path / "todo" / "dapr.yaml"))
    assert find_run(runs, run_file=tmp_path / "todo" / "dapr.yaml").path == todo.path
    assert find_run(runs, run_file=tmp_path / "todo").path == todo.path
    assert find_run(runs, run_file=tmp_path / "todo", live=False).path == past.path
    assert find_run(runs, run_file=tmp_path / "shop").path == shop.path
    assert find_run(runs, app_id="backend").path == todo.path
    assert find_run(runs, run_id=past.run_id).path == past.path  # by its name, whatever became of it
    assert find_run(runs, run_id=past.run_id[:14]).path == past.path


def test_what_is_not_there_is_told_with_the_last_run(tmp_path: Path) -> None:
    with pytest.raises(
        CommandError, match=r"^there is no run that runs now\. Start one with `outboard run`\.$"
    ):
        find_run(tmp_path / "none")
    folder = a_run(tmp_path, process=died())
    with pytest.raises(CommandError, match=rf"The last one was {folder.run_id} \(api; died\)"):
        find_run(tmp_path)
    with pytest.raises(CommandError, match="no run with an app 'shop' that runs now"):
        find_run(tmp_path, app_id="shop")


def test_an_id_of_several_is_told_with_all_of_them(tmp_path: Path) -> None:
    ids = {a_run(tmp_path).run_id, a_run(tmp_path).run_id}
    with pytest.raises(CommandError) as caught:
        find_run(tmp_path, run_id="2026")
    assert all(each in str(caught.value) for each in ids)


def test_what_is_no_run_is_passed_over(tmp_path: Path) -> None:
    found = a_run(tmp_path)
    (tmp_path / "notes.txt").write_text("x", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    half = make_run_folder(tmp_path, START)
    (half.path / "run.json").write_text('{"format": 1,', encoding="utf-8")
    assert [run.path for run in all_runs(tmp_path)] == [found.path]


# Removed


def test_the_newest_past_runs_are_kept_and_every_live_one(tmp_path: Path) -> None:
    live = a_run(tmp_path, 0)
    past = [a_run(tmp_path, minutes, ended=True) for minutes in range(1, 6)]
    gone = a_run(tmp_path, 6, process=died())
    begins = make_run_folder(tmp_path, START)
    prune(tmp_path, kept=3)
    assert {path.name for path in tmp_path.iterdir()} == {
        each.run_id for each in (live, begins, gone, *past[-2:])
    }
    assert not (gone.path / "tokens.json").exists()
    assert (live.path / "tokens.json").exists()


def test_a_run_that_cannot_be_looked_at_is_past_after_a_day_without_a_change(tmp_path: Path) -> None:
    elsewhere = a_run(tmp_path, process=replace(process_identity(), host="another"))
    prune(tmp_path, kept=0)
    assert elsewhere.path.exists()
    long_ago = datetime.now(UTC).timestamp() - SETTLED - 60
    for path in (*elsewhere.path.iterdir(), elsewhere.path):
        os.utime(path, (long_ago, long_ago))
    prune(tmp_path, kept=0)
    assert not elsewhere.path.exists()


# Logs


def test_a_log_keeps_its_last_lines(tmp_path: Path) -> None:
    path = tmp_path / "api.app.log"
    log = BoundedLog(path, most=100)
    for number in range(200):
        log.write(f"line {number} größer")
    lines = tail(path, 5)
    assert lines == [f"line {number} größer" for number in range(195, 200)]
    assert path.stat().st_size + older(path).stat().st_size < 300
    log.close()


def test_there_may_be_no_log(tmp_path: Path) -> None:
    assert tail(tmp_path / "none.log", 5) == []


@pytest.mark.skipif(sys.platform == "win32", reason="there a name may be taken in another way")
def test_a_folder_that_cannot_be_made_is_an_os_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OSError, match="file"):
        make_run_folder(tmp_path / "file" / "runs", START)
