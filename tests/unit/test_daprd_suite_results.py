"""What is read of the output of daprd's integration suite, and of the list of its cases."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest

from support.daprd_suite import GROUPS, Expected, Suite, environment, focus_on, read_results

LOG = """\
=== RUN   Test_Integration/daprd/state/http/ttl
    iowriter.go:88: Test_Integration/daprd/state/http/ttl/daprd: --- FAIL: something that a sidecar logs
--- FAIL: Test_Integration (0.00s)
    --- PASS: Test_Integration/build_binaries (0.00s)
    --- FAIL: Test_Integration/daprd/state/http/ttl (30.01s)
        --- PASS: Test_Integration/daprd/state/http/ttl/run (30.00s)
    --- SKIP: Test_Integration/daprd/state/http/memory/save (0.00s)
    --- PASS: Test_Integration/daprd/pubsub/http/fuzzpubsubRaw (1.20s)
FAIL
"""


def test_results_are_those_of_the_cases_and_not_of_their_parts() -> None:
    assert read_results(LOG) == {"daprd/state/http/ttl": False, "daprd/pubsub/http/fuzzpubsubRaw": True}


def test_a_focus_matches_what_it_names_and_nothing_else() -> None:
    focus = re.compile(focus_on(["daprd/state/http/ttl", "daprd/state/http/basic"]))
    assert focus.search("daprd/state/http/ttl")
    assert not focus.search("daprd/state/http/ttl2")
    assert not focus.search("x/daprd/state/http/ttl")


def test_a_case_with_a_reason_is_expected_to_fail() -> None:
    expected = Expected.of(["# a comment", "", "daprd/a", "daprd/b gRPC hangs"])
    assert expected == Expected(frozenset({"daprd/a"}), {"daprd/b": "gRPC hangs"})
    assert expected.names == {"daprd/a", "daprd/b"}


def test_a_case_that_is_to_be_run_alone_is_expected_to_pass_there() -> None:
    expected = Expected.of(["daprd/a", "daprd/b alone", "daprd/c gRPC"])
    assert expected == Expected(frozenset({"daprd/a"}), {"daprd/c": "gRPC"}, frozenset({"daprd/b"}))
    assert expected.names == {"daprd/a", "daprd/b", "daprd/c"}


def test_a_case_that_is_listed_twice_is_refused() -> None:
    with pytest.raises(AssertionError, match="listed twice"):
        Expected.of(["daprd/a", "daprd/a gRPC"])


def test_the_list_is_sorted_and_of_the_groups_that_are_run() -> None:
    file = Path(__file__).parents[1] / "engines" / "daprd_suite.txt"
    lines = file.read_text(encoding="utf-8").splitlines()
    names = [line.split()[0] for line in lines if line.startswith("daprd/")]
    assert names == sorted(names)
    assert Expected.of(lines).names == set(names)
    assert all(re.match(GROUPS, name) for name in names)


def test_nothing_of_dapr_s_own_variables_reaches_the_sidecars() -> None:
    given = {
        "PATH": "/bin",
        "DAPR_API_TOKEN": "t",
        "APP_API_TOKEN": "t",
        "DAPR_INTEGRATION_DAPRD_PATH": "old",
    }
    made = environment(given, Path("sidecar"))
    assert made["PATH"] == "/bin"
    assert made["DAPR_INTEGRATION_DAPRD_PATH"] == "sidecar"
    assert {"DAPR_API_TOKEN", "APP_API_TOKEN"}.isdisjoint(made)


@pytest.mark.skipif(os.name == "nt", reason="the suite is a shell script here")
@pytest.mark.parametrize(("races", "ends_well"), [(0, True), (1, True), (2, False)])
def test_a_race_of_its_own_that_ends_the_suite_is_tried_once_more(
    tmp_path: Path, races: int, *, ends_well: bool
) -> None:
    program, script = tmp_path / "suite", tmp_path / "suite.py"
    program.write_text(f"#!/bin/sh\nexec '{sys.executable}' '{script}'\n", encoding="utf-8")
    script.write_text(
        "from pathlib import Path\n"
        "runs = Path('runs')\n"
        "runs.write_text((runs.read_text() if runs.exists() else '') + '.')\n"
        f"if len(runs.read_text()) <= {races}:\n"
        "    raise SystemExit('panic: Fail in goroutine after Test_Integration/daprd/a/run has completed')\n"
        "print('    --- PASS: Test_Integration/daprd/a (0.10s)')\n",
        encoding="utf-8",
    )
    program.chmod(0o755)
    suite = Suite(program, tmp_path)
    if ends_well:
        assert suite.run(tmp_path / "daprd", "daprd", parallel=1, seconds=60) == {"daprd/a": True}
    else:
        with pytest.raises(AssertionError, match="Fail in goroutine after"):
            suite.run(tmp_path / "daprd", "daprd", parallel=1, seconds=60)
    assert (tmp_path / "runs").read_text(encoding="utf-8") == "." * min(races + 1, 2)
