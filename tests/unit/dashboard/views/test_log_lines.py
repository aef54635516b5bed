"""Lines of logs: what level each has, and which are wanted."""

from __future__ import annotations

import pytest

from outboard.dashboard.views.log_lines import LONGEST, LogFilter, LogLevel, log_rows, naming

TRACEBACK = ["Traceback (most recent call last):", '  File "app.py", line 3', "ValueError: no", "served"]


@pytest.mark.parametrize(
    ("line", "level"),
    [
        ("INFO:     Started server process [7]", "info"),
        ("\x1b[32mINFO\x1b[0m:     Started", "info"),
        ("2026-01-02 03:04:05,678 - shop - WARNING - low", "warn"),
        ("2026-01-02T03:04:05 [error    ] it broke", "error"),
        ('{"ts": 1, "level": "ERROR", "msg": "it broke"}', "error"),
        ("level=debug msg=x", "debug"),
        ("2026-01-02 | CRITICAL | gone", "critical"),
        ("an order without an error", ""),
        ("hello", ""),
    ],
)
def test_the_level_of_a_line(line: str, level: str) -> None:
    (row,) = log_rows([line], LogFilter(), 10)
    assert row.level == level
    assert "\x1b" not in row.text


def test_a_traceback_is_an_error_to_its_last_line() -> None:
    assert [row.level for row in log_rows(TRACEBACK, LogFilter(), 10)] == ["error", "error", "error", ""]
    errors = log_rows(["INFO: a", *TRACEBACK], LogFilter(level=LogLevel.ERROR), 10)
    assert [row.text for row in errors] == TRACEBACK[:3]


def test_a_line_of_a_sidecar_has_its_time_and_level() -> None:
    line = 'time="2026-01-02T03:04:05.678Z" level=warning msg="\\"it\\" waits"'
    (row,) = log_rows([line], LogFilter(source="sidecar"), 10)
    assert (row.level, row.text) == ("warn", '"it" waits')
    assert row.at.endswith(":04:05.678") or row.at.endswith(":34:05.678")  # some zones are half an hour off


def test_the_last_lines_that_fit_in_their_order() -> None:
    lines = [f"INFO: line {n}" for n in range(20)]
    wanted = LogFilter(text="LINE 1")
    assert [row.text[-2:].strip() for row in log_rows(lines, wanted, 3)] == ["17", "18", "19"]
    assert log_rows(lines, LogFilter(level=LogLevel.WARN), 3) == []


def test_lines_without_a_level_count_as_information() -> None:
    assert log_rows(["hello"], LogFilter(level=LogLevel.INFO), 3) != []
    assert log_rows(["hello"], LogFilter(level=LogLevel.WARN), 3) == []


def test_a_filter_is_what_its_address_says() -> None:
    wanted = LogFilter.of({"app": "api", "source": "sidecar", "level": "warn", "text": " a b "})
    assert wanted == LogFilter("api", "sidecar", LogLevel.WARN, "a b")
    assert wanted.query == "?app=api&source=sidecar&level=warn&text=a+b"
    assert LogFilter.of({"source": "/etc/passwd", "level": "loud"}) == LogFilter()


def test_a_very_long_line_is_cut() -> None:
    (row,) = log_rows(["x" * (LONGEST + 1)], LogFilter(), 1)
    assert row.text == f"{'x' * LONGEST}… ({LONGEST + 1:,} characters)"


def test_lines_that_name_an_id() -> None:
    lines = ["INFO: handled e-1", "INFO: handled e-2", "ERROR: trace 4bf9 failed"]
    found = naming(["e-1", "4bf9", ""], lines, "api", "app", 10)
    assert [(row.text, row.level, row.app_id) for row in found] == [
        ("INFO: handled e-1", "info", "api"),
        ("ERROR: trace 4bf9 failed", "error", "api"),
    ]
