"""Every snippet of the documentation is run, page by page."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.pages import blocks, run_page

ROOT = Path(__file__).parents[2]
PAGES = [*sorted((ROOT / "docs").rglob("*.md")), ROOT / "README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_page(page: Path, tmp_path: Path) -> None:
    run_page(page, tmp_path)


def test_a_snippet_of_an_unknown_kind_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```bash\nrm -r x\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="'bash' without a title"):
        run_page(page, tmp_path)


def test_output_that_is_not_shown_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```console\n$ python -c \"print('milk')\"\nbread\n```\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="did not show: bread"):
        run_page(page, tmp_path)


def test_an_open_fence_is_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("```python\nprint()\n", encoding="utf-8")
    with pytest.raises(AssertionError, match="not closed"):
        blocks(page)
