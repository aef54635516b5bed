"""The settings of Visual Studio Code that map files to schemas. Pure.

Source: the extension YAML of Red Hat, `yaml.schemas`. Other editors with the same language server take the
same mapping.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from outboard.errors import CommandError
from outboard.schema.jsonc import NotReadable, with_entries

__all__ = ["FOLDER", "SETTINGS", "mapping", "merged"]

FOLDER: Final = ".vscode/outboard"
SETTINGS: Final = ".vscode/settings.json"
KEY: Final = "yaml.schemas"
USUAL: Final = ("components", "resources", ".dapr")
RUN_FILES: Final = ("dapr.yaml",)


def mapping(folders: Iterable[str]) -> Mapping[str, tuple[str, ...]]:
    """Schema file → the patterns of the files that it is for. `folders` are known to have resources."""
    others = (each for each in folders if not set(USUAL).intersection(each.split("/")))
    places = (*(f"{each}/**/*.yaml" for each in USUAL), *(f"{each}/*.yaml" for each in others))
    return {
        f"./{FOLDER}/resource.schema.json": tuple(dict.fromkeys(places)),
        f"./{FOLDER}/run-file.schema.json": RUN_FILES,
    }


def merged(settings: str, schemas: Mapping[str, tuple[str, ...]]) -> str:
    """The text of the settings with `schemas`; comments and all else as they are. Raises CommandError."""
    entries: dict[str, object] = {name: list(patterns) for name, patterns in schemas.items()}
    try:
        return with_entries(settings, KEY, entries)
    except NotReadable as error:
        told = json.dumps({KEY: entries}, indent=2)
        raise CommandError(
            f"{SETTINGS} is left as it is: {error}", f"Mend it, or write there yourself: {told}"
        ) from error
