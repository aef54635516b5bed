"""Every folder says in one sentence what it is for, and none says what another says."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from structure.modules import docstring, folders

FOLDERS = list(folders())


def sentence(folder: str) -> str:
    """The first paragraph of the folder's docstring, in one line."""
    return " ".join(docstring(folder).split("\n\n")[0].split())


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_says_what_it_is_for(folder: str) -> None:
    said = sentence(folder)
    assert re.fullmatch(r"\S.{15,250}\.", said), f"{folder}/__init__.py says {said!r}"
    assert not re.search(r"TODO|FIXME|XXX", said)


def test_no_two_folders_say_the_same() -> None:
    said = Counter(sentence(folder).casefold() for folder in FOLDERS)
    assert [text for text, times in said.items() if times > 1] == []
