from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

ALONE = "test_a_page_works_with_what_it_names"


@pytest.hookimpl(trylast=True)  # after the marks have left out what is slow
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """A page that this run follows in an environment of its own, too, is followed only there: what works
    with nothing but what the page names says more, and a page takes up to half a minute.
    """
    alone = set(pages(items, ALONE))
    twice = [item for item in items if alone.intersection(pages([item], "test_page"))]
    if twice:
        config.hook.pytest_deselected(items=twice)
        items[:] = [item for item in items if item not in twice]


def pages(items: Iterable[pytest.Item], test: str) -> Iterator[Path]:
    """The pages that the test function named `test` gets in these items."""
    for item in items:
        if isinstance(item, pytest.Function) and item.originalname == test:
            page = item.callspec.params["page"]
            assert isinstance(page, Path)
            yield page
