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
KUBERNETES: Final = "x-kubernetes"
COUNT: Final[JsonSchema] = {"type": "integer", "minimum": 0}
VARIABLES: Final = map_of({"type": ["string", "number", "boolean", "null"]})
NAMES: Final = list_of(text())
BUILD: Final = closed(
    {
        "context": text("What the image is built from, relative to this file."),
        "python": text("The version of Python; default 3.13."),
        "install": text("The arguments of pip."),
        "installFrom": {**PATHS, "description": "What is copied before, relative to `context`."},
        "dependenciesFrom": {
            **PATHS,
            "description": "What of it is enough to install the dependencies, in a stage of their own.",
        },
        "files": {**PATHS, "description": "What is copied of the app's folder; all of it unless given."},
    }
)
SCALE: Final = closed(
    {
        "pubsub": text("The Kafka component, where there are several."),
        "topic": text("The topic whose lag counts."),
        "lag": {**COUNT, "description": "Events that one more replica is worth; default 100."},
        "min": {**COUNT, "description": "Fewest replicas; default 1."},
        "max": {**COUNT, "description": "Most replicas; default 6."},
    },
    ["topic"],
)
APP_IN_CLUSTER: Final[dict[str, JsonSchema]] = {
    "replicas": {**COUNT, "description": "How many pods; default 1."},
    "env": {**VARIABLES, "description": "Variables in the cluster, before those of the laptop."},
    "secrets": {**NAMES, "description": "Variables that come from the Secret of the app's name."},
    "volume": closed({"path": text("Where it is in the container."), "size": text("Default 1Gi.")}, ["path"]),
    "cpu": text("What the container asks for; default 50m."),
    "memory": text("What the container asks for; default 96Mi."),
    "memoryLimit": text("Default 256Mi."),
    "healthPath": text("What the probes ask for; default /healthz. Empty: whether the port is open."),
    "stopSeconds": {**COUNT, "description": "How long a pod may take to stop; default 30."},
    "scale": SCALE,
    "build": BUILD,
}
SYSTEM_IN_CLUSTER: Final[dict[str, JsonSchema]] = {
    "namespace": text("Where everything is."),
    "resourcesPath": {**PATHS, "description": "Resources in the place of those of the laptop."},
    "with": list_of(one_of_words(["kafka", "redis"]), "Brokers to try with."),
    "values": {**VARIABLES, "description": "What variables that an `envRef` names are in the cluster."},
    "tokens": {"type": "boolean", "description": "Sidecar and app ask each other for tokens."},
}
"""What begins with `x-` is the author's."""


def run_file_schema() -> JsonSchema:
    """The whole file."""
    known = {**OTHERS, **{each.key: _of(each) for each in SETTINGS}}
    in_cluster = closed(APP_IN_CLUSTER, description="For `outboard manifests`.")
    app = closed({**_some(known, APP_KEYS), KUBERNETES: in_cluster}, ["appDirPath"], more=OWN)
    common = closed(_some(known, COMMON_KEYS), description="What counts for every app.", more=OWN)
    apps: JsonSchema = {"type": "array", "items": app, "minItems": 1}
    top = {
        "version": {"enum": [1, "1"]},
        "name": text(),
        "common": common,
        KUBERNETES: closed({**SYSTEM_IN_CLUSTER, **APP_IN_CLUSTER}, description="For `outboard manifests`."),
        "apps": apps,
    }
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
