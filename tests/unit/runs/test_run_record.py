"""The record of a run, as its folder keeps it."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from outboard.host.processes import ProcessIdentity
from outboard.runs.record import RecordUnreadable, RunningApp, RunRecord, run_as_json, run_from_json

RECORD = RunRecord(
    run_id="20260102-030405-abcd",
    outboard="0.1.0",
    engine="outboard",
    run_file="/todo/dapr.yaml",
    directory="/todo",
    started=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    process=ProcessIdentity("host", 7, 1.5),
    apps=(RunningApp("api", "/todo/api", app_port=8000, resources_paths=("/todo/components",)),),
)


def test_a_record_is_read_as_it_was_written() -> None:
    assert run_from_json(run_as_json(RECORD)) == RECORD


def test_what_a_newer_version_adds_is_passed_over_and_what_an_older_one_lacks_has_its_default() -> None:
    written = json.loads(run_as_json(RECORD))
    written["colour"] = "red"
    written["apps"][0]["shape"] = "round"
    del written["daprd"], written["apps"][0]["grpc_port"]
    assert run_from_json(json.dumps(written).encode()) == RECORD


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "not whole"),
        (b'{"format": 1}', "not whole"),
        (run_as_json(RECORD).replace(b'"format": 1', b'"format": 2'), "format 2, and this version reads 1"),
    ],
)
def test_another_format_and_half_a_record_are_told(text: bytes, problem: str) -> None:
    with pytest.raises(RecordUnreadable, match=problem):
        run_from_json(text)


def test_an_app_is_replaced_by_its_name() -> None:
    changed = RunningApp("api", "/todo/api", pid=9)
    assert RECORD.with_app(changed).apps == (changed,)
    assert RECORD.app("other") is None
