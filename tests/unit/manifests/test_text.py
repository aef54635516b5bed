"""YAML that is written is read as what it was made of."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st

from outboard.manifests.text import Manifest, Noted, Quoted, Value, manifests_text

KEYS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1)
VALUES = st.recursive(
    st.text(st.characters(exclude_categories=["Cs"])) | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(KEYS, VALUES, min_size=1, max_size=3), min_size=1, max_size=3))
def test_what_is_written_is_read(documents: list[dict[str, Value]]) -> None:
    text = manifests_text([Manifest(each) for each in documents])
    assert list(yaml.safe_load_all(text)) == documents


def test_comments_stand_where_they_belong() -> None:
    content: dict[str, Value] = {
        "kind": Noted("Pod", "one"),
        "labels": Noted({"app": "shop"}, "chosen by"),
        "args": Noted(["a", "b"], "in order"),
        "ports": [{"name": Noted("http", "the app's"), "port": 80}],
        "value": Noted(Quoted("true"), "a text"),
    }
    assert manifests_text([Manifest(content, "About it.\n\nAnd more.")]) == (
        "# About it.\n#\n# And more.\n"
        "kind: Pod # one\n"
        "labels: # chosen by\n  app: shop\n"
        'args: ["a", "b"] # in order\n'
        "ports:\n  - name: http # the app's\n    port: 80\n"
        'value: "true" # a text\n'
    )


def test_what_yaml_takes_for_another_thing_is_quoted() -> None:
    words = [
        "true",
        "no",
        "1",
        "1.5",
        "null",
        "",
        "a: b",
        "a #b",
        "- a",
        "1e3",
        "0x1",
        "12:30",
        "~",
        "=",
        "<<",
    ]
    text = manifests_text([Manifest({"words": [{"word": each} for each in words]})])
    assert yaml.safe_load(text) == {"words": [{"word": each} for each in words]}
