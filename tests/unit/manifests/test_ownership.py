"""Whose a file is: what was generated and not edited is the command's, all else is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.manifests.ownership import FileState, decided, is_own, marked

TEXT = "kind: Pod\n"


def state(
    there: str | None, wanted: str | None = TEXT, *, force: bool = False
) -> tuple[FileState, str | None]:
    files = {} if there is None else {"a.yaml": there}
    found = decided({} if wanted is None else {"a.yaml": wanted}, files, {}, force=force)
    assert len(found) == 1
    return found[0].state, found[0].text


def test_what_is_not_there_is_written() -> None:
    assert state(None) == (FileState.written, marked(TEXT))


def test_what_is_as_it_should_be_stays() -> None:
    assert state(marked(TEXT)) == (FileState.unchanged, None)
    assert state(marked(TEXT).replace("\n", "\r\n")) == (FileState.unchanged, None)


def test_what_was_generated_is_generated_anew() -> None:
    assert state(marked("kind: Job\n")) == (FileState.changed, marked(TEXT))


@pytest.mark.parametrize(
    "there", ["kind: Mine\n", marked(TEXT) + "# mine\n", marked(TEXT).replace("Pod", "Job"), ""]
)
def test_what_somebody_wrote_or_edited_is_kept(there: str) -> None:
    assert state(there) == (FileState.kept, None)
    assert state(there, force=True) == (FileState.changed, marked(TEXT))


def test_what_is_wanted_no_more_is_removed_unless_edited() -> None:
    assert state(marked(TEXT), None) == (FileState.removed, None)
    assert state(marked(TEXT) + "# mine\n", None) == (FileState.kept, None)
    assert decided({}, {"b.yaml": "kind: Mine\n"}, {}, force=True) == ()


def test_what_is_written_once_is_the_person_s() -> None:
    (found,) = decided({}, {}, {"o.yaml": TEXT}, force=False)
    assert (found.state, found.text) == (FileState.written, TEXT)
    (found,) = decided({}, {"o.yaml": "other\n"}, {"o.yaml": TEXT}, force=True)
    assert (found.state, found.text) == (FileState.unchanged, None)


@given(st.text(st.characters(exclude_characters="\r", exclude_categories=["Cs"])), st.text(min_size=1))
def test_any_edit_makes_it_theirs(text: str, more: str) -> None:
    assert is_own(marked(text))
    assert not is_own(marked(text) + more.replace("\r", "x"))
