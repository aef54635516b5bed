"""A record is told file by file, and copied piece by piece."""

from __future__ import annotations

from pathlib import Path

from outboard.hops.files.pieces import RecordCopy, files_told, piece_of
from outboard.wire.shown_record import RecordFile

ONE, TWO = "1700000000000-a-kit-1-a1-1.hops.jsonl", "1700000000001-a-kit-1-a1-2.hops.jsonl"


def copy_all(source: Path, copy: RecordCopy, most: int) -> None:
    for file in files_told(source):
        while not copy.is_full and (begin := copy.missing(file)) is not None:
            piece = piece_of(source, file.name, begin, most)
            assert piece
            copy.add(file.name, piece)


def test_the_copy_is_the_record_and_grows_with_it(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    (source / ONE).write_bytes(bytes(range(256)) * 3)
    (source / "other.txt").write_text("not of the record", encoding="utf-8")
    copy = RecordCopy(target, 10_000)
    copy_all(source, copy, most=100)
    assert [path.name for path in target.iterdir()] == [ONE]
    assert (target / ONE).read_bytes() == bytes(range(256)) * 3

    with (source / ONE).open("ab") as file:
        file.write(b"more")
    (source / TWO).write_bytes(b"new")
    copy_all(source, copy, most=100)
    assert (target / ONE).read_bytes() == bytes(range(256)) * 3 + b"more"
    assert (target / TWO).read_bytes() == b"new"


def test_only_files_of_the_record_are_read(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / ONE).write_bytes(b"hops")
    (tmp_path / TWO).write_bytes(b"secret")
    (source / "other.txt").write_bytes(b"secret")
    assert piece_of(source, ONE, 1, 2) == b"op"
    assert piece_of(source, ONE, 4, 2) == b""
    for name in (f"../{TWO}", str(tmp_path / TWO), "other.txt", "", "."):
        assert piece_of(source, name, 0, 100) is None, name


def test_of_no_folder_nothing_is_told(tmp_path: Path) -> None:
    assert files_told(tmp_path / "absent") == []
    assert piece_of(tmp_path / "absent", ONE, 0, 1) is None


def test_a_copy_that_is_full_says_so(tmp_path: Path) -> None:
    copy = RecordCopy(tmp_path, 4)
    assert copy.missing(RecordFile(ONE, 6)) == 0
    copy.add(ONE, b"hops")
    assert copy.is_full
    assert copy.missing(RecordFile(ONE, 6)) == 4
