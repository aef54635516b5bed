"""Hops on their way to disk: never in the way of the app, and honest about what is not there."""

from __future__ import annotations

import errno
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from outboard.hops.files.aside import MANY
from outboard.hops.files.lines import FileHead, NotWritten, SampledOut
from outboard.hops.files.reader import read_record
from outboard.hops.files.recorder import FileRecorder
from outboard.hops.files.recording import HOPS_FOLDER, recording
from outboard.hops.files.sampling import BURST, is_kept
from outboard.hops.files.segments import RecordBounds, Segments
from outboard.hops.record import EventIdentity, Hop, HopKind

HEAD = FileHead("shop", "kit", "machine/1")


def hop(number: int, kind: HopKind = HopKind.STORED, outcome: str = "") -> Hop:
    return Hop(kind, float(number), "shop", "p", "orders", EventIdentity(f"e{number}"), outcome=outcome)


class Disk(Segments):
    """A disk that is full until somebody makes room; it says when it has refused."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HEAD)
        self.full = True
        self.refused = threading.Event()

    def append(self, lines: bytes) -> None:
        if self.full:
            self.refused.set()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(lines)


class Held(Segments):
    """A disk on which a write lasts until somebody lets it go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, HEAD)
        self.writing, self.may_go_on = threading.Event(), threading.Event()

    def append(self, lines: bytes) -> None:
        self.writing.set()
        assert self.may_go_on.wait(10)
        super().append(lines)


def test_what_is_recorded_is_read_in_its_order(tmp_path: Path) -> None:
    with recording({HOPS_FOLDER: str(tmp_path)}, "shop", "sidecar") as recorder:
        assert recorder is not None
        assert not recorder.wants_envelopes
        for number in range(100):
            recorder(hop(number))
    record = read_record(tmp_path)
    assert [each.at for each in record.hops] == list(range(100))
    assert {(each.part, each.app_id) for each in record.hops} == {("sidecar", "shop")}
    assert not record.notes
    assert not record.problems


@pytest.mark.parametrize("environ", [{}, {HOPS_FOLDER: " "}])
def test_nobody_records_where_no_folder_is_named(environ: dict[str, str]) -> None:
    before = threading.active_count()
    with recording(environ, "shop", "kit") as recorder:
        assert recorder is None
        assert threading.active_count() == before


def test_a_full_disk_is_told_once_and_in_the_record(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    disk = Disk(tmp_path)
    recorder = FileRecorder(disk, HEAD, interval=0.01)
    recorder(hop(1))
    assert disk.refused.wait(10)
    disk.full = False
    recorder(hop(2))
    recorder.close()
    record = read_record(tmp_path)
    assert [each.at for each in record.hops] == [2.0]
    (note,) = record.notes
    assert isinstance(note, NotWritten)
    assert (note.hops, note.why) == (1, os.strerror(errno.ENOSPC))
    assert len(caplog.records) == 1
    assert "cannot be written" in caplog.text


def test_a_folder_that_cannot_be_is_no_reason_to_fail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with recording({HOPS_FOLDER: str(tmp_path / "file")}, "shop", "kit") as recorder:
        assert recorder is not None
        recorder(hop(1))
    assert "cannot be written" in caplog.text
    assert read_record(tmp_path / "file").hops == []


def test_of_many_that_went_well_some_are_kept_and_the_record_says_so(tmp_path: Path) -> None:
    many = 4 * BURST
    with recording({HOPS_FOLDER: str(tmp_path)}, "shop", "kit") as recorder:
        assert recorder is not None
        for number in range(many):
            recorder(hop(number))
        recorder(hop(many, HopKind.DELIVERED, "RETRY"))
    record = read_record(tmp_path)
    kept = {each.event.event_id for each in record.hops}
    assert len(kept) < many / 2
    assert f"e{many}" in kept
    out = sum(note.hops for note in record.notes if isinstance(note, SampledOut))
    assert out + len(record.hops) == many + 1
    most = max(note.one_in for note in record.notes if isinstance(note, SampledOut))
    assert {f"e{n}" for n in range(many) if is_kept(f"e{n}", most)} <= kept


def test_a_burst_ends_as_soon_as_all_is_kept_that_may_be(tmp_path: Path) -> None:
    """Not when the second is over: what is not written need not be made."""
    recorder = FileRecorder(Segments(tmp_path, HEAD), HEAD, interval=3_600)
    for number in range(BURST):
        assert recorder.keeps(HopKind.STORED, "p", "orders", f"e{number}")
        recorder(hop(number))
    until(lambda: not recorder.records_all)
    recorder.close()
    assert len(read_record(tmp_path).hops) == BURST


def test_an_event_that_fails_is_whole_though_others_are_left_out(tmp_path: Path) -> None:
    many = 4 * BURST
    failing = next(f"e{n}" for n in range(many) if not is_kept(f"e{n}", 2**20))
    recorder = FileRecorder(Segments(tmp_path, HEAD), HEAD)
    for number in range(many):
        recorder(hop(number))
    recorder(hop(int(failing[1:]), HopKind.DELIVERED, "RETRY"))
    recorder.close()
    kinds = [each.kind for each in read_record(tmp_path).hops if each.event.event_id == failing]
    assert kinds == [HopKind.STORED, HopKind.DELIVERED]


def test_what_is_too_much_for_memory_is_counted(tmp_path: Path) -> None:
    disk = Disk(tmp_path)
    recorder = FileRecorder(disk, HEAD, most=10)
    disk.full = False
    for number in range(1_000):
        recorder(hop(number))
    recorder.close()
    record = read_record(tmp_path)
    told = sum(note.hops for note in record.notes)
    assert told + len(record.hops) == 1_000


def test_five_hundred_thousand_events_leave_the_record_bounded(tmp_path: Path) -> None:
    bounds = RecordBounds(folder_bytes=2**20, file_bytes=2**17)
    recorder = FileRecorder(Segments(tmp_path, HEAD, bounds), HEAD)
    for number in range(500_000):
        recorder(hop(number, HopKind.DELIVERED, "RETRY" if number % 50 == 0 else "SUCCESS"))
    recorder.close()
    sizes = [path.stat().st_size for path in tmp_path.iterdir()]
    assert sum(sizes) <= bounds.folder_bytes + bounds.file_bytes + 2**23  # what one flush writes at once


def test_an_event_that_fails_elsewhere_is_whole_here_too(tmp_path: Path) -> None:
    """The publisher learns from the folder what became of its event at the consumer."""
    many = 4 * BURST
    failing = next(n for n in range(many) if not is_kept(f"e{n}", 2**20))
    publisher = FileRecorder(Segments(tmp_path, HEAD), HEAD, interval=0.01)
    for number in range(many):
        publisher(hop(number))
    until(lambda: any(isinstance(note, SampledOut) for note in read_record(tmp_path).notes))
    consumer = FileRecorder(Segments(tmp_path, HEAD), FileHead("billing", "kit", "m"), interval=0.01)
    consumer(hop(failing, HopKind.DELIVERED, "RETRY"))
    consumer.close()
    until(lambda: kinds_of(f"e{failing}", tmp_path) == {HopKind.STORED, HopKind.DELIVERED})
    publisher.close()


def test_once_there_are_few_again_all_are_kept(tmp_path: Path) -> None:
    recorder = FileRecorder(Segments(tmp_path, HEAD), HEAD, interval=0.01)
    for number in range(20 * BURST):
        recorder(hop(number))
    late = next(f"late-{n}" for n in range(99) if not is_kept(f"late-{n}", 2))
    until(lambda: recorder.keeps(HopKind.PUBLISHED, "p", "orders", late))
    recorder.close()


def kinds_of(event_id: str, folder: Path) -> set[HopKind]:
    return {each.kind for each in read_record(folder).hops if each.event.event_id == event_id}


def until(condition: Callable[[], bool]) -> None:
    """The thread of a recorder needs its time."""
    while not condition():
        time.sleep(0.005)


def test_a_burst_is_thinned_before_the_thread_has_its_turn(tmp_path: Path) -> None:
    disk = Held(tmp_path)
    recorder = FileRecorder(disk, HEAD, interval=0.01)
    recorder(hop(0))
    assert disk.writing.wait(10)
    for number in range(BURST):
        recorder(hop(number))
    names = [f"later-{number}" for number in range(1_000)]
    assert len(recorder.chosen(HopKind.STORED, "p", "orders", names)) < len(names) / 8
    disk.may_go_on.set()
    recorder.close()


NUMBERS = [*(f"n{number}" for number in range(399)), "half \ud800"]
UUIDS = [f"{number:08}-0000-4000-8000-{number:012x}" for number in range(399)]


@pytest.mark.parametrize("ids", [NUMBERS, UUIDS], ids=["numbers", "UUIDs"])
@pytest.mark.parametrize("together", [False, True])
def test_what_was_left_out_before_it_was_made_is_told_of_when_its_event_fails(
    tmp_path: Path, together: bool, ids: list[str]
) -> None:
    """As much of it as is known: when, what and where; of one that was asked for alone or with others."""
    recorder = FileRecorder(Segments(tmp_path, HEAD), HEAD, interval=3_600)
    for number in range(BURST):
        recorder(hop(number))
    until(lambda: not recorder.records_all)
    names = [name for name in ids if not is_kept(name, 2)]
    before = time.time()
    if together:
        recorder.chosen(HopKind.HANDLED, "p", "bills", names, 2, "SUCCESS")
    else:
        for name in names:
            recorder.keeps(HopKind.HANDLED, "p", "bills", name, 2, "SUCCESS")
        recorder.keeps(HopKind.STORED, "p", "receipts", names[0], 1)
    after, failing = time.time(), names[-2]
    recorder(Hop(HopKind.DELIVERED, 1.0, "shop", "p", "bills", EventIdentity(failing), outcome="RETRY"))
    recorder.close()
    found = [each for each in read_record(tmp_path).hops if each.event.event_id == failing]
    assert [each.kind for each in found] == [HopKind.HANDLED, HopKind.DELIVERED]
    told = found[0]
    assert (told.topic, told.attempt, told.outcome, told.app_id) == ("bills", 2, "SUCCESS", "shop")
    assert before <= told.at <= after


@pytest.mark.parametrize("ids", [NUMBERS, UUIDS], ids=["numbers", "UUIDs"])
def test_an_event_is_left_out_alone_as_among_others_and_counted(tmp_path: Path, ids: list[str]) -> None:
    recorder = FileRecorder(Segments(tmp_path, HEAD), HEAD, interval=3_600)
    for number in range(BURST):
        recorder(hop(number))
    until(lambda: not recorder.records_all)
    alone = [n for n, each in enumerate(ids) if recorder.keeps(HopKind.STORED, "p", "orders", each)]
    assert list(recorder.chosen(HopKind.STORED, "p", "orders", ids)) == alone
    recorder.close()
    record = read_record(tmp_path)
    left_out = sum(note.hops for note in record.notes if isinstance(note, SampledOut))
    assert left_out + len(record.hops) == BURST + 2 * (len(ids) - len(alone))


def test_while_the_disk_hangs_what_is_left_out_takes_less_and_is_found_all_the_same(tmp_path: Path) -> None:
    disk = Held(tmp_path)
    recorder = FileRecorder(disk, HEAD, interval=0.01)
    for number in range(BURST):
        recorder(hop(number))
    assert disk.writing.wait(10)
    batches = [[f"{name[:8]}-{number:04x}{name[13:-1]}1" for name in UUIDS[:8]] for number in range(MANY + 2)]
    for batch in batches:
        assert not recorder.chosen(HopKind.HANDLED, "p", "bills", batch, 1, "SUCCESS")
    failing = {batches[0][3], batches[-1][3]}
    for name in failing:
        recorder(Hop(HopKind.DELIVERED, 1.0, "shop", "p", "bills", EventIdentity(name), outcome="RETRY"))
    disk.may_go_on.set()
    recorder.close()
    handled = [each.event.event_id for each in read_record(tmp_path).hops if each.kind is HopKind.HANDLED]
    assert sorted(handled) == sorted(failing)
