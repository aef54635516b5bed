from __future__ import annotations

from pathlib import Path

from chaos.logs import scanned


def test_a_secret_is_found_and_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "relay.log").write_text("fine\nasked with s3cret\n", encoding="utf-8")
    (tmp_path / "writer.log").write_text("fine\n", encoding="utf-8")
    assert scanned(tmp_path, {"s3cret": "a token"}) == (3, ["relay.log, line 2: a token"])
