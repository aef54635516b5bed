from __future__ import annotations

from pathlib import Path

import pytest

from outboard.resources.left_out import LeftOut, none_loaded
from outboard.resources.loader import load_resources

COMPONENT = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {name: shop-pubsub%s}
spec: {type: pubsub.in-memory, version: v1}
scopes: %s
"""


@pytest.mark.parametrize(
    ("namespace", "scopes", "reason"),
    [
        ("", "[orders]", "its scopes are [orders]"),
        ("", "[biling, orders]", "its scopes are [biling, orders]. Did you mean `biling`?"),
        (", namespace: shop", "[]", "its namespace is shop, and NAMESPACE is prod"),
        (", namespace: shop", "[orders]", "its namespace is shop, and NAMESPACE is prod"),
    ],
)
def test_a_component_that_an_app_does_not_get_has_a_reason(
    namespace: str, scopes: str, reason: str, tmp_path: Path
) -> None:
    (tmp_path / "pubsub.yaml").write_text(COMPONENT % (namespace, scopes), encoding="utf-8")
    resources = load_resources([tmp_path], "billing", "prod")
    assert resources.components == ()
    (left,) = resources.left_out
    file = str(tmp_path / "pubsub.yaml")
    assert left == LeftOut("shop-pubsub", "pubsub.in-memory", reason, file=file, line=1)
    assert left.told("billing").startswith(
        "component 'shop-pubsub' (pubsub.in-memory) is left out of billing"
    )


def test_another_one_of_that_name_is_meant(tmp_path: Path) -> None:
    both = COMPONENT % (", namespace: shop", "[]") + "---\n" + COMPONENT % (", namespace: prod", "[]")
    (tmp_path / "pubsub.yaml").write_text(both, encoding="utf-8")
    resources = load_resources([tmp_path], "billing", "prod")
    assert [each.name for each in resources.components] == ["shop-pubsub"]
    assert resources.left_out == ()


@pytest.mark.parametrize(
    ("folders", "left", "said"),
    [
        ([], [], "no folder with component files was named"),
        ([Path("a"), Path("b")], [], "there is none in a, b"),
        ([Path("a")], [LeftOut("x", "y", "z")], "each in a is left out"),
    ],
)
def test_that_there_is_none_has_a_reason(folders: list[Path], left: list[LeftOut], said: str) -> None:
    assert said in none_loaded(folders, left)
