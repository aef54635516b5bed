"""The files of one process: bounded, and never in the way of another's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outboard.hops.files.lines import FileHead
from outboard.hops.files.segments import RecordBounds, Segments, record_files

HEAD = FileHead("shop/eu", "kit", "machine/1")
LINE = b'{"kind":"stored"}\n'
SMALL = RecordBounds(folder_bytes=1_000, file_bytes=200)


def total(folder: Path) -> int:
    return sum(path.stat().st_size for path in record_files(folder))


def test_nothing_is_made_before_there_is_something(tmp_path: Path) -> None:
    segments = Segments(tmp_path / "deep" / "hops", HEAD)
    assert not (tmp_path / "deep").exists()
    segments.append(LINE)
    segments.close()
    (path,) = record_files(tmp_path / "deep" / "hops")
    assert path.read_bytes().splitlines()[1] == LINE.strip()


@pytest.mark.skipif(os.name == "nt", reason="there are no such permissions")
def test_the_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    segments = Segments(tmp_path / "hops", HEAD)
    segments.append(LINE)
    segments.close()
    (path,) = record_files(tmp_path / "hops")
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_a_folder_stays_within_its_bounds_and_the_oldest_goes_first(tmp_path: Path) -> None:
    times = iter(range(10_000))
    for app in ("one", "two"):
        segments = Segments(tmp_path, FileHead(app, "kit", "m"), SMALL, now=lambda: 1e9 + next(times))
        for number in range(100):
            segments.append(b'{"kind":"stored","at":%d}\n' % number)
        segments.close()
    assert total(tmp_path) <= SMALL.folder_bytes + 2 * SMALL.file_bytes
    assert b'"at":99' in record_files(tmp_path)[-1].read_bytes()


def test_what_is_too_old_goes_with_the_next_file(tmp_path: Path) -> None:
    old = Segments(tmp_path, HEAD)
    old.append(LINE)
    old.close()
    (before,) = record_files(tmp_path)
    os.utime(before, (1_000, 1_000))
    new = Segments(tmp_path, HEAD, RecordBounds(age=60.0))
    new.append(LINE)
    new.close()
    assert not before.exists()
    assert len(record_files(tmp_path)) == 1


def test_many_small_files_are_too_many(tmp_path: Path) -> None:
    for _ in range(12):
        segments = Segments(tmp_path, HEAD, RecordBounds(files=5))
        segments.append(LINE)
        segments.close()
    assert len(record_files(tmp_path)) == 5


def test_a_file_that_somebody_removes_is_begun_anew(tmp_path: Path) -> None:
    segments = Segments(tmp_path, HEAD)
    segments.append(LINE)
    for path in record_files(tmp_path):
        path.unlink()
    tmp_path.rmdir()
    segments.append(LINE)
    segments.close()
    (path,) = record_files(tmp_path)
    assert path.read_bytes().endswith(LINE)


def test_two_recorders_of_one_app_never_share_a_file(tmp_path: Path) -> None:
    both = [Segments(tmp_path, HEAD, now=lambda: 5.0) for _ in range(2)]
    for segments in both:
        segments.append(LINE)
    assert len(record_files(tmp_path)) == 2
    for segments in both:
        segments.close()
