"""The plugin in runs of pytest of their own: what an author of tests is told of a mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from outboard import Outboard
from outboard.testing import Harness


def said_of(folder: Path, *arguments: str, **files: str) -> str:
    """What pytest says of the tests in `files` (`test_x` is test_x.py) in `folder`."""
    for name, text in files.items():
        (folder / f"{name}.py").write_text(dedent(text), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", *arguments]
    ended = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False)
    return ended.stdout + ended.stderr


def test_an_asynchronous_test_without_a_mark_is_told_which_one_it_needs(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    said = said_of(
        tmp_path,
        test_a="""
            import pytest

            async def test_forgotten(outboard): ...

            @pytest.mark.anyio
            async def test_marked(outboard): ...

            def test_plain(outboard): ...

            @pytest.fixture
            def anyio_backend():
                return "asyncio"
        """,
    )
    assert "test_forgotten is an `async def`, and nothing runs it" in said
    assert "pytest.mark.anyio" in said
    assert "Traceback" not in said
    assert "1 failed, 2 passed" in said


@pytest.mark.anyio
@pytest.mark.parametrize("method", ["handled", "retried", "dead_lettered"])
async def test_a_name_in_the_place_of_a_topic(outboard: Harness, method: str) -> None:
    with pytest.raises(TypeError, match=r"topic has to be a Topic, such as what .*, not 'tasks' \(str\)"):
        await getattr(outboard, method)("tasks")


@pytest.mark.parametrize("method", ["published", "deliveries", "dead_letters"])
def test_a_name_in_the_place_of_a_topic_that_is_looked_at(outboard: Harness, method: str) -> None:
    with pytest.raises(TypeError, match="topic has to be a Topic"):
        getattr(outboard, method)("tasks")


@pytest.mark.anyio
async def test_what_cannot_be_served_is_named(outboard: Harness) -> None:
    board, harness = Outboard(environ={}), outboard

    async def app(scope: object, receive: object, send: object) -> None: ...

    for arguments, name in [((board,), "app"), ((app, "board"), "board"), ((app, app), "board")]:
        with pytest.raises(TypeError, match=f"{name} has to be"):
            async with harness.serving(*arguments):  # type: ignore[arg-type]
                pass
    with pytest.raises(TypeError, match="app_id has to be a text"):
        async with harness.serving(app, app_id=7):  # type: ignore[arg-type]
            pass
    with pytest.raises(TypeError, match="board has to be the app's `Outboard`"):
        async with harness.connected(app):  # type: ignore[arg-type]
            pass
