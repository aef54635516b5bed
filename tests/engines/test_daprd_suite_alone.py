"""Cases of daprd's own integration suite whose time is bounded: run where nothing else goes on (.ci/run)."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.daprd_suite import Expected, Suite, focus_on, our_sidecar
from support.engines import engine

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the sidecar is wrapped in a shell script"),
    pytest.mark.engine("daprd-suite"),
    pytest.mark.slow,
    pytest.mark.timeout(300),
]

LIST = Path(__file__).with_name("daprd_suite.txt")


def test_what_starts_many_sidecars_passes_in_time(pytestconfig: pytest.Config, tmp_path: Path) -> None:
    alone = Expected.of(LIST.read_text(encoding="utf-8").splitlines()).alone
    suite = Suite(engine("daprd-suite", pytestconfig), tmp_path)
    results = suite.run(our_sidecar(tmp_path), focus_on(alone), parallel=1, seconds=240)
    assert results == dict.fromkeys(alone, True)
