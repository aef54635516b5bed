"""`dapr.yaml`, as JSON Schema. Pure. Source: Dapr, "How to: Use the Multi-App Run template file"."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from outboard.run.plan.settings import SETTINGS, Kind, Setting
from outboard.run.plan.template_keys import APP_KEYS, COMMON_KEYS
from outboard.schema.keywords import JsonSchema, closed, list_of, map_of, one_of_words, text

__all__ = ["run_file_schema"]

PATHS: Final[JsonSchema] = {"type": ["string", "array"], "items": text()}
DESTINATIONS: Final = ["console", "file", "fileAndConsole"]
OTHERS: Final[dict[str, JsonSchema]] = {
    "appID": text(
        "What other apps call it by, without a dot; default: the name of its folder.", pattern=r"^[^.]+$"
    ),
    "appDirPath": text("The app's folder, relative to this file."),
    "command": list_of(text(), "The words of its command line."),
    "env": map_of({"type": ["string", "number", "boolean", "null"]}, "Environment variables of the app."),
    "appLogDestination": one_of_words(DESTINATIONS, "Where the app's log lines go."),
    "daprdLogDestination": one_of_words(DESTINATIONS, "Where the sidecar's log lines go."),
    "resourcesPath": {**PATHS, "description": "Folder with component files."},
    "containerImage": text("The app's image, for Kubernetes."),
    "containerImagePullPolicy": one_of_words(["Always", "IfNotPresent", "Never"]),
    "createService": {"type": "boolean", "description": "Whether the app gets a Service, on Kubernetes."},
    "runtimePath": text("Where Dapr's own files are. `outboard run` needs none."),
    "daprPath": text("Older name of `runtimePath`."),
}
OWN: Final[JsonSchema] = {"patternProperties": {"^x-": {}}}
"""What begins with `x-` is the author's."""


def run_file_schema() -> JsonSchema:
    """The whole file."""
    known = {**OTHERS, **{each.key: _of(each) for each in SETTINGS}}
    app = closed(_some(known, APP_KEYS), ["appDirPath"], more=OWN)
    common = closed(_some(known, COMMON_KEYS), description="What counts for every app.", more=OWN)
    apps: JsonSchema = {"type": "array", "items": app, "minItems": 1}
    top = {"version": {"enum": [1, "1"]}, "name": text(), "common": common, "apps": apps}
    return closed(top, ["version", "apps"], more=OWN)


def _some(known: dict[str, JsonSchema], keys: Iterable[str]) -> dict[str, JsonSchema]:
    return {each: known[each] for each in sorted(keys)}


def _of(setting: Setting) -> JsonSchema:
    match setting.kind:
        case Kind.PORT:
            return {"type": "integer", "minimum": -1, "maximum": 65535, "description": setting.help}
        case Kind.INTEGER:
            return {"type": "integer", "description": setting.help}
        case Kind.BOOLEAN:
            return {"type": "boolean", "description": setting.help}
        case Kind.PATHS:
            return {**PATHS, "description": setting.help}
        case _:
            return text(setting.help)
