"""Each behaviour of daprd over gRPC has a test that is there, and each method of Dapr's service is called."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from conformance.grpc_asking import METHODS
from conformance.grpc_cases import CASES, UNHEARD
from conformance.grpc_rows import GRPC_ROWS
from conformance.questions import GROUPS
from conformance.questions.starts import STARTS
from conformance.questions.stops import STOPS

TESTS = Path(__file__).parent.parent
SUITE = TESTS / "engines" / "daprd_suite.txt"
ROWS = [(area, row) for area, rows in GRPC_ROWS.items() for row in rows]


def passing() -> Iterator[str]:
    """The cases of daprd's own suite that our sidecar has to pass."""
    for line in SUITE.read_text(encoding="utf-8").splitlines():
        if line.startswith("daprd/") and " " not in line.strip():
            yield line.strip()


KNOWN = frozenset([
    *(f"{group}/{case.name}" for group, cases in CASES.items() for case in cases),
    *(question.name for group in GROUPS for question in group.questions),
    *(f"start {each.name}" for each in STARTS),
    *(f"stop {each.name}" for each in STOPS),
    *passing(),
])  # fmt: skip


def is_there(holder: str) -> bool:
    if "::" not in holder:
        return any(fnmatchcase(each, holder) for each in KNOWN)
    file, _, name = holder.partition("::")
    path = TESTS / file if "/" in file else TESTS / "conformance" / file
    tree = ast.parse(path.read_text(encoding="utf-8"))
    defined = (each.name for each in tree.body if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    return any(fnmatchcase(each, name) for each in defined)


@pytest.mark.parametrize(("area", "row"), ROWS, ids=lambda text: text)
def test_each_row_has_tests_that_are_there(area: str, row: str) -> None:
    holders = GRPC_ROWS[area][row]
    assert holders
    assert [holder for holder in holders if not is_there(holder)] == []


def test_each_method_is_called() -> None:
    """But for streams that daprd answers unheard, and Shutdown, which its own suite calls."""
    called = {
        each.path.rpartition("/")[2] for cases in CASES.values() for case in cases for each in case.calls
    }
    assert set(METHODS) - called == {*UNHEARD, "Shutdown"}
