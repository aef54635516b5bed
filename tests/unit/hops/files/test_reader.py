"""Reading a folder that others write to."""

from __future__ import annotations

from pathlib import Path

from outboard.hops.files.lines import FileHead, head_line, hop_line
from outboard.hops.files.reader import HopFollower, read_record
from outboard.hops.record import EventIdentity, Hop, HopKind

HEAD = FileHead("shop", "kit", "machine/1")


def line(number: int) -> bytes:
    return hop_line(Hop(HopKind.STORED, float(number), "shop", "p", "orders", EventIdentity(str(number))))


def file(folder: Path, name: str = "1") -> Path:
    return folder / f"{name}.hops.jsonl"


def test_where_nothing_is_nothing_is_read(tmp_path: Path) -> None:
    record = read_record(tmp_path / "not there")
    assert (record.hops, record.notes, record.problems) == ([], [], [])


def test_a_line_that_is_not_whole_comes_later(tmp_path: Path) -> None:
    follower, path = HopFollower(tmp_path), file(tmp_path)
    path.write_bytes(head_line(HEAD)[:10])
    assert not follower.more().hops
    path.write_bytes(head_line(HEAD) + line(1) + line(2)[:5])
    assert [hop.at for hop in follower.more().hops] == [1.0]
    path.write_bytes(head_line(HEAD) + line(1) + line(2))
    assert [hop.at for hop in follower.more().hops] == [2.0]
    assert not follower.more().hops


def test_the_end_that_a_killed_process_left_is_passed_over(tmp_path: Path) -> None:
    file(tmp_path).write_bytes(head_line(HEAD) + line(1) + line(2)[:20] + b"\n" + line(3))
    assert [hop.at for hop in read_record(tmp_path).hops] == [1.0, 3.0]


def test_a_newer_format_is_told_once_and_the_others_are_read(tmp_path: Path) -> None:
    file(tmp_path, "1").write_bytes(b'{"format":"outboard-hops","version":99}\n' + line(1))
    file(tmp_path, "2").write_bytes(head_line(HEAD) + line(2))
    follower = HopFollower(tmp_path)
    record = follower.more()
    assert [hop.at for hop in record.hops] == [2.0]
    (problem,) = record.problems
    assert "1.hops.jsonl" in problem
    assert "version 99" in problem
    assert not follower.more().problems


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    file(tmp_path).mkdir()
    (problem,) = read_record(tmp_path).problems
    assert "1.hops.jsonl" in problem
