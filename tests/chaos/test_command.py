from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from chaos import __main__ as command
from chaos.__main__ import main
from chaos.evidence import Evidence
from chaos.forged import GOOD
from chaos.invariants import Counts
from chaos.settings import Settings


def test_the_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(["--help"])
    assert exit.value.code == 0
    told = capsys.readouterr().out
    assert "python3 dev.py chaos --kills 500 --events 100000" in told
    assert "exit code" in told


@pytest.mark.parametrize("arguments", [["--kills", "0"], ["--broker", "redis"], ["--minutes", "soon"]])
def test_a_wrong_command_line_is_refused(arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2


def test_a_folder_that_holds_something_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mine.txt").touch()
    assert main(["--folder", str(tmp_path)]) == 2
    assert "holds something else" in capsys.readouterr().err


def forged(holds: bool) -> str:
    """The report of a round that is done."""
    invariants = [{"number": 3, "promise": "once", "figures": "-", "problems": [], "holds": holds}]
    settings = {"kills": 2}
    return json.dumps({"settings": settings, "counts": COUNTS, "invariants": invariants, "notes": []})


COUNTS = Counts(3, 10, 12, 10, 1, 0, 0, 0)._asdict()
RUN = ["--kills", "4", "--events", "20", "--rounds", "2", "--seed", "7"]


@pytest.mark.parametrize(("holds", "code", "told"), [(True, 0, "all thirteen hold"), (False, 1, "fallen: 3")])
def test_rounds_that_are_done_are_not_run_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], holds: bool, code: int, told: str
) -> None:
    finished(tmp_path, holds)
    assert main([*RUN, "--folder", str(tmp_path)]) == code
    assert capsys.readouterr().out.endswith(
        "4 kills among 6 faults; committed 20; 24 records; applied 20; dead 2; lost 0; applied twice 0; "
        f"order inversions 0\n{told}\n"
    )


def test_a_round_that_was_interrupted_begins_anew(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    finished(tmp_path, True)
    second = tmp_path / "round-02"
    (second / "report.json").unlink()
    (second / "orders.db").touch()
    asked: list[Settings] = []

    def run(settings: Settings, folder: Path, _: object) -> Evidence:
        assert list(folder.iterdir()) == []
        asked.append(settings)
        return GOOD

    monkeypatch.setattr(command, "run", run)
    assert main([*RUN, "--folder", str(tmp_path)]) == 0
    assert [(each.kills, each.events, each.seed) for each in asked] == [(2, 10, 8)]
    assert "FALLS" not in capsys.readouterr().out
    assert (second / "report.json").exists()


def test_the_folder_of_another_run_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    finished(tmp_path, True)
    assert main([*RUN, "--keys", "9", "--folder", str(tmp_path)]) == 2
    assert "give the options of its run" in capsys.readouterr().err


def finished(folder: Path, holds: bool) -> None:
    wanted = asdict(Settings(4, 20, 200, "sqlite", "sqlite", 7, 3.0))
    (folder / "run.json").write_text(json.dumps({**wanted, "rounds": 2}), encoding="utf-8")
    for number in (1, 2):
        (folder / f"round-0{number}").mkdir()
        (folder / f"round-0{number}" / "report.json").write_text(forged(holds), encoding="utf-8")
