"""`outboard trace --erase`, as a program reads it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from outboard.cli import main
from outboard.hops.files.lines import FileHead, head_line, hop_line
from outboard.hops.record import EventIdentity, Hop, HopKind

HOP = Hop(HopKind.STORED, 1.0, "shop", "pubsub", "orders", EventIdentity("e1", key="17"))


@pytest.fixture
def erased(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, dict[str, object]]]:
    """Erases in a record with one hop: the exit code, and what is told."""
    (tmp_path / "shop.hops.jsonl").write_bytes(head_line(FileHead("shop", "sidecar", "m")) + hop_line(HOP))

    def run(*arguments: str) -> tuple[int, dict[str, object]]:
        with pytest.raises(SystemExit) as ended:
            main(["trace", "--record", str(tmp_path), "--erase", "-o", "json", *arguments])
        assert isinstance(ended.value.code, int)
        return ended.value.code, json.loads(capsys.readouterr().out)

    return run


def test_what_is_erased_is_told_as_json(
    erased: Callable[..., tuple[int, dict[str, object]]], tmp_path: Path
) -> None:
    told = {"record": str(tmp_path), "key": "17", "events": 1, "hops": 1}
    assert erased("--key", "17") == (0, {**told, "erased": False})
    assert erased("--key", "17", "--yes") == (0, {**told, "erased": True})
    assert erased("--key", "17") == (1, {**told, "events": 0, "hops": 0, "erased": False})
