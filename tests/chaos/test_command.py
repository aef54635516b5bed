from __future__ import annotations

from pathlib import Path

import pytest

from chaos.__main__ import main


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
    assert "is not empty" in capsys.readouterr().err
