"""Which of the last lines of a process is repeated."""

from __future__ import annotations

import pytest

from outboard.run.processes.last_words import Remembering, last_words

STARTUP = "ERROR:    Application startup failed. Exiting."
WORKER = "[ERROR] Worker (pid:7) exited with code 3"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], ""),
        (["", " "], ""),
        (["started", "bye", ""], "bye"),
        (
            ["Traceback (most recent call last):", "ModuleNotFoundError: No module"],
            "ModuleNotFoundError: No module",
        ),
        (["Error: Cannot find module './x'", "}", "", "Node.js v20.1.0"], "Error: Cannot find module './x'"),
        (
            ["ERROR:    [Errno 98] address already in use", "INFO:     Application shutdown complete."],
            "ERROR:    [Errno 98] address already in use",
        ),
        (
            ["ERROR:    Traceback (most recent call last):", '  File "a.py"', "shop.Unset: DSN", "", STARTUP],
            "shop.Unset: DSN",
        ),
        (["[ERROR] Worker (pid:7) exited with code 3", "[ERROR] Reason: Worker failed to boot."], WORKER),
        ([STARTUP], STARTUP),
    ],
)
def test_the_reason_is_found(lines: list[str], said: str) -> None:
    assert last_words(lines) == said


def test_lines_are_passed_on_and_only_the_last_are_kept() -> None:
    taken: list[str] = []
    log = Remembering(taken.append)
    for number in range(100):
        log("error" if number == 1 else f"line {number}")
    assert len(taken) == 100
    assert log.last_words == "line 99"
