"""Components that are correct: of every type, with all of its fields or the required ones.

They are written after the facts as they came, and not after the corrections that are made to them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from typing import Any

ROWS: list[dict[str, Any]] = json.loads(
    files("outboard.facts").joinpath("components.json").read_text(encoding="utf-8")
)
VALUES = {
    "bool": "true",
    "number": "10",
    "duration": "30s",
    "bytesize": "4Mi",
    "string": "shop",
    "": "shop",
}


def correct_components() -> Iterator[tuple[str, str]]:
    """A name and the text of each."""
    for row in ROWS:
        for index, profile in enumerate(row["authProfiles"] or [{"title": "", "fields": []}]):
            every = {each["name"]: each for each in [*profile["fields"], *row["fields"]]}
            required = {name: each for name, each in every.items() if each.get("required")}
            for what, fields in (("all", every), ("required", required)):
                text = written(row, list(fields.values()))
                yield f"{row['type']}-{row['version']}-{index}-{what}", text


def written(row: dict[str, Any], fields: list[dict[str, Any]]) -> str:
    """A component of the type of `row`, with these fields."""
    metadata = "".join(map(item, fields)) or "    []\n"
    return (
        f"apiVersion: dapr.io/v1alpha1\nkind: Component\nmetadata:\n  name: correct\nspec:\n"
        f"  type: {row['type']}\n  version: {row['version']}\n  metadata:\n{metadata}"
    )


def item(field: dict[str, Any]) -> str:
    if field.get("sensitive"):
        secret = f"name: shop\n        key: {field['name']}\n"
        return f"    - name: {field['name']}\n      secretKeyRef:\n        {secret}"
    allowed = field.get("allowedValues")
    value = allowed[0] if allowed else VALUES[field.get("type", "")]
    value = {"brokers": "kafka:9092", "keyPrefix": "name"}.get(field["name"], value)
    return f'    - name: "{field["name"]}"\n      value: {json.dumps(value)}\n'
