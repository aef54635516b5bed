"""Which of the last lines of a process is repeated."""

from __future__ import annotations

import pytest

from outboard.run.processes.last_words import OURS, Remembering, last_words

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


TRACEBACK = (
    "Traceback (most recent call last):",
    '  File "<frozen runpy>", line 198, in _run_module_as_main',
    '  File "/usr/lib/python3.11/importlib/__init__.py", line 126, in import_module',
    '  File "/venv/lib/python3.11/site-packages/uvicorn/main.py", line 448, in main',
)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            [
                *TRACEBACK,
                '  File "/shop/main.py", line 7, in <module>',
                "    import redis",
                "ImportError: redis",
            ],
            "ImportError: redis (/shop/main.py:7)",
        ),
        (
            [*TRACEBACK, '  File "/shop/main.py", line 2', "    def f(:", "SyntaxError: invalid syntax"],
            "SyntaxError: invalid syntax (/shop/main.py:2)",
        ),
        (
            ['  File "/shop/a.py", line 1', *TRACEBACK, "OSError: no such port"],
            "OSError: no such port",
        ),
        (
            [
                *TRACEBACK,
                '  File "/shop/main.py", line 7, in <module>',
                "Unfit: on_note (/shop/main.py:7) is no",
            ],
            "Unfit: on_note (/shop/main.py:7) is no",
        ),
        (
            [
                *TRACEBACK,
                r'  File "C:\shop\main.py", line 7, in <module>',
                r'  File "C:\Python313\Lib\site.py", line 7, in g',
                "E: x",
            ],
            r"E: x (C:\shop\main.py:7)",
        ),
        (
            ['  File "/shop/main.py", line 7, in <module>', *TRACEBACK[1:], "KeyError: 'DSN'"],
            "KeyError: 'DSN' (/shop/main.py:7)",
        ),
        (
            [*TRACEBACK, f'  File "{OURS}/kit/board.py", line 7, in g', "E: x"],
            "E: x",
        ),
    ],
    ids=["module", "syntax", "before", "named", "windows", "long", "ours"],
)
def test_the_place_in_the_app_is_told_with_it(lines: list[str], said: str) -> None:
    assert last_words(lines) == said


def test_lines_are_passed_on_and_only_the_last_are_kept() -> None:
    taken: list[str] = []
    log = Remembering(taken.append)
    for number in range(100):
        log("error" if number == 1 else f"line {number}")
    assert len(taken) == 100
    assert log.last_words == "line 99"
