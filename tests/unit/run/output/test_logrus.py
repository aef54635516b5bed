"""Level and message of a line of daprd's log."""

from __future__ import annotations

import pytest

from outboard.run.output.logrus import parse_line

REST = "app_id=api instance=host scope=dapr.runtime type=log ver=1.18.1"
START = 'time="2026-11-23T15:20:44.5Z"'


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("started", "started"),
        ('"API gRPC server is running on port 50001"', "API gRPC server is running on port 50001"),
        (r'"metric spec: {\"enabled\":true}"', 'metric spec: {"enabled":true}'),
        (r'"a level=error msg=\"inner\" b"', 'a level=error msg="inner" b'),
        (r'"C:\\x41\\new"', r"C:\x41\new"),
        (
            r'"bell \a, byte \x1b[0m, wide \U0001f600, line\nbreak"',
            "bell \a, byte \x1b[0m, wide 😀, line\nbreak",
        ),
        ('"größer"', "größer"),
        ('""', ""),
        (r'"no such escape \q"', r"no such escape \q"),
    ],
)
def test_a_message_is_what_go_quoted(written: str, message: str) -> None:
    assert parse_line(f"{START} level=info msg={written} {REST}") == ("info", message)


@pytest.mark.parametrize(
    ("level", "known"), [("debug", "debug"), ("warning", "warn"), ("error", "error"), ("fatal", "fatal")]
)
def test_a_level_is_one_of_ours(level: str, known: str) -> None:
    assert parse_line(f'{START} level={level} msg="x" {REST}') == (known, "x")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "panic: runtime error: invalid memory address",
        "goroutine 1 [running]:",
        'the app said msg="x"',
        'time="2026" level=info',
    ],
)
def test_a_line_of_another_form_stays_as_it_is(line: str) -> None:
    assert parse_line(line) == ("", line)
