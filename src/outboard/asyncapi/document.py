"""An AsyncAPI 3.0 document of the events of apps. Pure.

Source: AsyncAPI, "Specification 3.0.0"; CloudEvents, "JSON Event Format".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from outboard.asyncapi.alternatives import key_of
from outboard.asyncapi.described import DescribedApp, DescribedMessage, DescribedTopic

__all__ = ["VERSION", "document"]

VERSION: Final = "3.0.0"
CONTENT_TYPE: Final = "application/cloudevents+json"
UNNAMED: Final = "FastAPI"
"""The title of an app that has none of its own."""
NOT_IN_KEYS: Final = re.compile(r"[^\w.-]", re.ASCII)
ENVELOPE: Final = "CloudEvent"
CLOUD_EVENT: Final[Mapping[str, Any]] = {
    "description": "The attributes of a CloudEvent 1.0 in its JSON form. Its data is said by each message.",
    "type": "object",
    "required": ["specversion", "id", "source", "type"],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "minLength": 1},
        "source": {"type": "string", "minLength": 1},
        "type": {"type": "string", "minLength": 1},
        "datacontenttype": {"type": "string"},
        "dataschema": {"type": "string"},
        "subject": {"type": "string"},
        "time": {"type": "string", "format": "date-time"},
    },
}


def document(apps: Sequence[DescribedApp], title: str = "", version: str = "") -> dict[str, Any]:
    """Channels, operations, messages and schemas of `apps`; `title` and `version` unless empty."""
    made = _Document()
    for app in apps:
        for topic in app.topics:
            made.add(app, topic)
    names = [_title(each) for each in apps]
    info: dict[str, Any] = {
        "title": title or ", ".join(dict.fromkeys(names)) or "Events",
        "version": version or (apps[0].version if len(apps) == 1 else "0.1.0"),
    }
    if len(apps) == 1 and apps[0].description:
        info["description"] = apps[0].description
    return {
        "asyncapi": VERSION,
        "info": info,
        "defaultContentType": CONTENT_TYPE,
        "channels": made.channels,
        "operations": made.operations,
        "components": {"messages": made.messages, "schemas": made.schemas},
    }


def _title(app: DescribedApp) -> str:
    return app.app_id if app.title == UNNAMED else app.title


@dataclass(slots=True)
class _Document:
    channels: dict[str, Any] = field(default_factory=dict)
    operations: dict[str, Any] = field(default_factory=dict)
    messages: dict[str, Any] = field(default_factory=dict)
    schemas: dict[str, Any] = field(default_factory=lambda: {ENVELOPE: CLOUD_EVENT})
    _keys: dict[tuple[str, str], str] = field(default_factory=dict)

    def add(self, app: DescribedApp, topic: DescribedTopic) -> None:
        """A topic of an app: its channel, and an operation for each direction that it has there."""
        channel = self._channel(topic)
        for direction in ("send", "receive"):
            found = [each for each in topic.messages if each.direction == direction]
            if not found:
                continue
            keys = [self._message(each, app) for each in found]
            for key in keys:
                self.channels[channel]["messages"][key] = {"$ref": f"#/components/messages/{key}"}
            operation: dict[str, Any] = {
                "action": direction,
                "channel": {"$ref": f"#/channels/{channel}"},
                "messages": [{"$ref": f"#/channels/{channel}/messages/{key}"} for key in dict.fromkeys(keys)],
                "x-app-id": app.app_id,
            }
            if direction == "receive":
                operation["x-handlers"] = list(topic.paths)
            self.operations[_fresh(_key(f"{app.app_id}.{direction}.{channel}"), self.operations)] = operation

    def _channel(self, topic: DescribedTopic) -> str:
        key = _key(f"{topic.pubsub}.{topic.topic}")
        known = self.channels.setdefault(
            key, {"address": topic.topic, "x-dapr-pubsub": topic.pubsub, "messages": {}}
        )
        if (known["address"], known["x-dapr-pubsub"]) == (topic.topic, topic.pubsub):
            return key
        return self._channel_beside(key, topic)

    def _channel_beside(self, key: str, topic: DescribedTopic) -> str:
        """A topic whose name differs from another's only in what no key may have."""
        for other, each in self.channels.items():
            if (each["address"], each["x-dapr-pubsub"]) == (topic.topic, topic.pubsub):
                return other
        fresh = _fresh(key, self.channels)
        self.channels[fresh] = {"address": topic.topic, "x-dapr-pubsub": topic.pubsub, "messages": {}}
        return fresh

    def _message(self, message: DescribedMessage, app: DescribedApp) -> str:
        made: dict[str, Any] = {
            "name": message.name,
            "contentType": CONTENT_TYPE,
            "payload": {"allOf": [_reference(ENVELOPE), self._payload(message, app)]},
        }
        if message.problem:
            made["description"] = f"There is no schema of its data: {message.problem}"
        return self._kept("messages", message.name, message, app, made, key_of(made))

    def _payload(self, message: DescribedMessage, app: DescribedApp) -> dict[str, Any]:
        """What is said of the envelope of such events, beside what is said of all."""
        told = message.attributes
        properties: dict[str, Any] = {
            name: {"const": value} if value else False for name, value in told.items()
        }
        if "type" not in told and message.type:
            properties["type"] = {"examples": [message.type]}
        always = [name for name, value in told.items() if value and message.certain]
        member = "data_base64" if message.name == "bytes" else "data"
        properties[member] = (
            {"type": "string", "contentEncoding": "base64"}
            if message.name == "bytes"
            else self._data(message, app)
        )
        return {"type": "object", "required": [*always, member], "properties": properties}

    def _data(self, message: DescribedMessage, app: DescribedApp) -> Any:
        """The schema of the data, with its parts among the components."""
        root = message.schema
        parts: Mapping[str, Any] = root.get("$defs", {}) if isinstance(root, dict) else {}
        keys: dict[str, str] = {}
        for name in parts:
            whole = key_of({each: parts[each] for each in _reached(parts[name], parts)} | {"": parts[name]})
            keys[name] = self._kept("schemas", name, message, app, None, whole)
        for name, each in parts.items():
            self.schemas[keys[name]] = _as_draft_7(each, keys)
        if not isinstance(root, dict):
            return root
        own = _as_draft_7({name: value for name, value in root.items() if name != "$defs"}, keys)
        if "properties" not in own:
            return own
        key = self._kept("schemas", message.name, message, app, own, key_of(root))
        return _reference(key)

    def _kept(
        self, kind: str, name: str, message: DescribedMessage, app: DescribedApp, value: Any, whole: str
    ) -> str:
        """The key of a component. One that is the same, with all that it refers to, is there once."""
        among: dict[str, Any] = self.messages if kind == "messages" else self.schemas
        known = self._keys.get((kind, f"{name} {whole}"))
        if known is not None:
            return known
        taken = "received" if message.direction == "receive" else "sent"
        plain = _key(name)
        wanted = (plain, f"{plain}.{taken}", f"{plain}.{_key(app.app_id)}.{taken}")
        key = next((each for each in wanted if each not in among), "") or _fresh(wanted[-1], among)
        self._keys[kind, f"{name} {whole}"] = key
        among[key] = value
        return key


def _reached(schema: Any, parts: Mapping[str, Any]) -> Iterable[str]:
    """The names of all parts that `schema` refers to, and these refer to."""
    found: dict[str, None] = {}
    waiting = [schema]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found and name in parts:
                found[name] = None
                waiting.append(parts[name])
    return found


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("$ref"), str):
            yield schema["$ref"].removeprefix("#/$defs/")
        for each in schema.values():
            yield from _references(each)
    elif isinstance(schema, list):
        for each in schema:
            yield from _references(each)


def _as_draft_7(schema: Any, keys: Mapping[str, str]) -> Any:
    """The same in the words of AsyncAPI, whose schemas are those of JSON Schema draft-07.

    pydantic writes 2020-12: tuples are said in other words, and references do not count beside anything. Its
    `discriminator` is OpenAPI's: the alternatives say all of it, but that the field has to be there, also
    where they have a default for it.
    """
    if isinstance(schema, list):
        return [_as_draft_7(each, keys) for each in schema]
    if not isinstance(schema, dict):
        return schema
    if isinstance(schema.get("$ref"), str):
        return _reference(keys.get(schema["$ref"].removeprefix("#/$defs/"), ""))
    found: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            found[name] = {each: _as_draft_7(member, keys) for each, member in value.items()}
        elif name in ("default", "examples", "const", "enum"):
            found[name] = value
        elif name == "prefixItems":
            found["items"] = _as_draft_7(value, keys)
            if "items" in schema:
                found["additionalItems"] = _as_draft_7(schema["items"], keys)
        elif name == "discriminator" and isinstance(value, dict) and "propertyName" in value:
            found["required"] = [*schema.get("required", ()), value["propertyName"]]
        elif name not in ("discriminator", "items") or (name == "items" and "prefixItems" not in schema):
            found[name] = _as_draft_7(value, keys)
    return found


def _reference(key: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{key}"}


def _key(name: str) -> str:
    return NOT_IN_KEYS.sub("_", name).strip("_") or "_"


def _fresh(key: str, taken: Mapping[str, Any]) -> str:
    if key not in taken:
        return key
    number = 2
    while f"{key}.{number}" in taken:
        number += 1
    return f"{key}.{number}"
