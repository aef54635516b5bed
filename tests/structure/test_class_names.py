"""One class name is one class: whoever reads it need not ask which one is meant."""

from __future__ import annotations

import ast
from collections import defaultdict

from structure.modules import modules, syntax


def test_no_two_classes_have_one_name() -> None:
    places = defaultdict(list)
    for module in modules():
        for node in syntax(module).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].append(module)
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
