from __future__ import annotations

import pytest

from outboard.sidecar.state.keys import IllegalKey, original_key, prefix_for, stored_key


@pytest.mark.parametrize(
    ("strategy", "namespace", "key"),
    [
        ("", "", "app||k"),
        ("appid", "ns", "app||k"),
        ("AppId", "", "app||k"),
        ("name", "", "store||k"),
        ("namespace", "ns", "ns.app||k"),
        ("namespace", "", "app||k"),
        ("none", "", "k"),
        ("MyPrefix", "", "myprefix||k"),
    ],
)
def test_prefixes(strategy: str, namespace: str, key: str) -> None:
    stored = stored_key(prefix_for(strategy, "app", "store", namespace), "k")
    assert stored == key
    assert original_key(stored) == "k"


def test_the_separator_is_not_for_users() -> None:
    with pytest.raises(IllegalKey, match="input key/keyPrefix 'a||b' can't contain '||'".replace("|", r"\|")):
        stored_key("app", "a||b")
    with pytest.raises(IllegalKey):
        prefix_for("a||b", "app", "store", "")
