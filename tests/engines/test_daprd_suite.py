"""daprd's own integration suite, run against our sidecar, case by case as listed in daprd_suite.txt."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from support.daprd_suite import GROUPS, Expected, Suite, focus_on, our_sidecar
from support.engines import engine

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the sidecar is wrapped in a shell script"),
    pytest.mark.engine("daprd-suite"),
    pytest.mark.slow,
    pytest.mark.timeout(900),
]

LIST = Path(__file__).with_name("daprd_suite.txt")
NOT_RUN = {"hangs"}
"""Words in reasons: the suite never ends after such a case failed."""


@pytest.fixture(scope="module")
def expected() -> Expected:
    return Expected.of(LIST.read_text(encoding="utf-8").splitlines())


@pytest.fixture
def suite(pytestconfig: pytest.Config, tmp_path: Path) -> Suite:
    return Suite(engine("daprd-suite", pytestconfig), tmp_path)


def test_what_daprd_passes_over_http_passes_here(suite: Suite, expected: Expected) -> None:
    sidecar = our_sidecar(suite.folder)
    results = suite.run(sidecar, focus_on(expected.passing), parallel=4, seconds=420)
    assert results.keys() == expected.passing
    failed = {name for name, passed in results.items() if not passed}
    if failed:  # The suite frees its ports before the sidecar takes them: what another took passes alone.
        again = suite.run(sidecar, focus_on(failed), parallel=1, seconds=420)
        failed = {name for name, passed in again.items() if not passed}
    assert not failed


def test_what_is_listed_as_failing_does_fail(suite: Suite, expected: Expected) -> None:
    # They mostly wait for 30 s for a sidecar that has said no, so that many at once cost little.
    wanted = {name for name, reason in expected.failing.items() if NOT_RUN.isdisjoint(reason.split())}
    results = suite.run(our_sidecar(suite.folder), focus_on(wanted), parallel=32, seconds=420)
    assert results.keys() == wanted
    passed = {name for name, passed in results.items() if passed}
    assert not passed, f"these pass now: take their reasons out of {LIST.name}"


def test_every_case_that_daprd_is_put_to_is_listed(suite: Suite, expected: Expected, daprd: Path) -> None:
    assert suite.run(daprd, GROUPS, parallel=8, seconds=420).keys() == expected.names
