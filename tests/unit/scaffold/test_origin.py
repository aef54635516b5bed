"""How a new service says where Outboard is installed from."""

from __future__ import annotations

import os

import pytest

from outboard.scaffold.origin import install_arguments, requirement_words

FOLDER = "C:\\the clone" if os.name == "nt" else "/the clone"
URL = "file:///C:/the%20clone" if os.name == "nt" else "file:///the%20clone"


@pytest.mark.parametrize(
    ("direct_url", "arguments"),
    [
        (None, ""),
        (f'{{"url": "{URL}", "dir_info": {{}}}}', f'"{FOLDER}[a,b]"'),
        (f'{{"url": "{URL}", "dir_info": {{"editable": true}}}}', f'-e "{FOLDER}[a,b]"'),
        (
            '{"url": "https://host/o.git", "vcs_info": {"vcs": "git", "commit_id": "c0"}}',
            '"outboard[a,b] @ git+https://host/o.git@c0"',
        ),
        ('{"url": "https://host/o.whl", "archive_info": {}}', '"outboard[a,b] @ https://host/o.whl"'),
    ],
    ids=["index", "folder", "editable", "repository", "file"],
)
def test_it_is_installed_from_where_it_came(direct_url: str | None, arguments: str) -> None:
    assert install_arguments(direct_url, "a,b") == arguments


def test_what_an_index_has_is_a_requirement_as_any_other() -> None:
    assert set(requirement_words(None).values()) == {""}
