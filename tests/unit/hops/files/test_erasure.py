"""Erasing the events of a key, while others write."""

from __future__ import annotations

from pathlib import Path

from outboard.hops.files.erasure import erase
from outboard.hops.files.lines import FileHead
from outboard.hops.files.reader import read_record
from outboard.hops.files.recorder import FileRecorder
from outboard.hops.files.segments import Segments
from outboard.hops.record import EventIdentity, Hop, HopKind


def hop(event_id: str, key: str, data: str = "") -> Hop:
    return Hop(HopKind.STORED, 1.0, "a", "p", "t", EventIdentity(event_id, key=key), data=data)


def written(folder: Path, app: str, *hops: Hop) -> FileRecorder:
    head = FileHead(app, "kit", "m")
    recorder = FileRecorder(Segments(folder, head), head, interval=0.01)
    for each in hops:
        recorder(each)
    return recorder


def ids(folder: Path) -> list[str]:
    return [each.event.event_id for each in read_record(folder).hops]


def test_each_hop_of_the_events_of_a_key_goes_whoever_wrote_it(tmp_path: Path) -> None:
    written(tmp_path, "one", hop("e1", "k", '{"name":"someone"}'), hop("e2", "other")).close()
    failed = hop("e1", "")._replace(outcome="FAILED")
    written(tmp_path, "two", failed, hop("e3", "k")).close()

    found = erase(tmp_path, "k", dry=True)
    assert (found.events, found.hops, found.problems) == (2, 3, [])
    assert sorted(ids(tmp_path)) == ["e1", "e1", "e2", "e3"]

    assert erase(tmp_path, "k", dry=False) == found
    assert ids(tmp_path) == ["e2"]
    assert all(b"e1" not in path.read_bytes() for path in tmp_path.iterdir())
    assert all(b"someone" not in path.read_bytes() for path in tmp_path.iterdir())
    assert erase(tmp_path, "k", dry=False).hops == 0


def test_whoever_writes_goes_on_behind_it(tmp_path: Path) -> None:
    recorder = written(tmp_path, "one", hop("e1", "k"))
    while not ids(tmp_path):
        pass
    assert erase(tmp_path, "k", dry=False).hops == 1
    recorder(hop("e2", "other"))
    recorder.close()
    assert ids(tmp_path) == ["e2"]
    assert len(list(tmp_path.iterdir())) == 1


def test_a_file_that_is_not_known_is_told_and_left(tmp_path: Path) -> None:
    path = tmp_path / "1.hops.jsonl"
    path.write_bytes(b"something else\n")
    found = erase(tmp_path, "k", dry=False)
    assert found.hops == 0
    assert "1.hops.jsonl" in found.problems[0]
    assert path.read_bytes() == b"something else\n"
