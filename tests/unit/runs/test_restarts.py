"""A request to start an app anew is taken once, by the run alone."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from outboard.runs.restarts import ask_restart, is_restart_asked, take_restart


def test_a_request_is_taken_once(tmp_path: Path) -> None:
    assert not take_restart(tmp_path, "api")
    ask_restart(tmp_path, "api")
    ask_restart(tmp_path, "api")
    assert is_restart_asked(tmp_path, "api")
    assert not is_restart_asked(tmp_path, "worker")
    assert take_restart(tmp_path, "api")
    assert not take_restart(tmp_path, "api")
    assert not is_restart_asked(tmp_path, "api")


def test_a_name_cannot_lead_out_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    ask_restart(folder, "../evil")
    assert [path.parent for path in tmp_path.rglob("*.restart")] == [folder]
    assert take_restart(folder, "../evil")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rights")
def test_a_request_is_for_this_user_alone(tmp_path: Path) -> None:
    ask_restart(tmp_path, "api")
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o077 == 0
