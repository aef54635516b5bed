"""Each page works in an environment that has what it tells its reader to install, and nothing else.

What a page names stands after `pip install`, in a command or in a sentence of it.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

import dev
from support.wheels import environment_with, install_by_uv, run

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

DOCS = dev.ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("how-to/*.md")), *sorted(DOCS.rglob("tutorial/*.md")), dev.ROOT / "README.md"]
RUN = """
import sys
from pathlib import Path

sys.path.append({tests!r})
from support.pages import run_page

run_page(Path({page!r}), Path({folder!r}))
"""


@dataclass(frozen=True)
class Wanted:
    """The extras of outboard, and the other packages, in order."""

    extras: tuple[str, ...]
    others: tuple[str, ...]


def wanted(page: Path) -> Wanted:
    """What `page` tells its reader to install."""
    text = page.read_text(encoding="utf-8").replace("\n", " ")
    asked = [word for command in re.findall(r"pip install ([^`$]+)", text) for word in words(command)]
    extras = {extra for word in asked for extra in re.findall(r"[\w]+", word.partition("[")[2])}
    return Wanted(tuple(sorted(extras)), tuple(sorted({word for word in asked if "outboard" not in word})))


def words(command: str) -> list[str]:
    return [word for word in shlex.split(command) if not word.startswith("-")]


@pytest.fixture(scope="module")
def environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Wanted], Path]:
    """An environment for what a page wants; pages that want the same share it."""
    made: dict[Wanted, Path] = {}

    def environment(packages: Wanted) -> Path:
        if packages not in made:
            folder = tmp_path_factory.mktemp("alone") / "venv"
            made[packages] = environment_with(
                wheel, folder, packages.extras, packages.others, by=install_by_uv
            )
        return made[packages]

    return environment


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(dev.ROOT).as_posix())
def test_a_page_works_with_what_it_names(
    page: Path, environment: Callable[[Wanted], Path], tmp_path: Path
) -> None:
    venv = environment(wanted(page))
    program = RUN.format(tests=str(dev.ROOT / "tests"), page=str(page), folder=str(tmp_path))
    run(dev.python_of(venv), "-c", program, venv=venv, cwd=tmp_path)


def test_what_a_page_names_is_read(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "```console\n$ pip install 'outboard[sql,kafka]' httpx\n```\nand `pip install\noutboard[redis]` too.",
        encoding="utf-8",
    )
    assert wanted(page) == Wanted(("kafka", "redis", "sql"), ("httpx",))
