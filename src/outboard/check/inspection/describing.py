"""What the events of an app look like, as JSON: the messages of each topic, with the schema of their data.

What is published has the schema of what pydantic writes: a model writes each of its fields, and no other.
What is taken has the schema of what it reads.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema
from pydantic_core import core_schema

from outboard.gojson.values import Json
from outboard.kit.subscriptions.data_types import types_of
from outboard.kit.subscriptions.declaration import Declaration
from outboard.kit.topic import Topic
from outboard.wire.events import EventCodec

__all__ = ["described"]

SENT: Final = "send"
TAKEN: Final = "receive"


class _AsWritten(GenerateJsonSchema):
    """Fields with a default are written like all others."""

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        if self.mode == "serialization" and field["type"] != "typed-dict-field":
            return field.get("serialization_exclude_if") is None
        return super().field_is_required(field, total)


def described(
    topics: Iterable[Topic[Any]],
    handlers: Iterable[tuple[Declaration, str]],
    published: Collection[tuple[str, str]],
) -> list[Json]:
    """The topics that are taken by `handlers`, which have their paths, and those that are `published`.

    A topic that is declared, and for which there is no handler, counts as published, too. Of several
    declarations of a topic, the one that has a model counts.
    """
    taken: dict[tuple[str, str], list[tuple[Declaration, str]]] = {}
    for declaration, path in handlers:
        taken.setdefault((declaration.pubsub, declaration.topic), []).append((declaration, path))
    by_key: dict[tuple[str, str], Topic[Any]] = {}
    for each in topics:
        key = (each.pubsub, each.name)
        if key not in by_key or by_key[key].codec.model is object:
            by_key[key] = each
    return [
        _topic(key, by_key.get(key), taken.get(key, ()), is_sent=key in published or key not in taken)
        for key in sorted({*by_key, *taken})
    ]


def _topic(
    key: tuple[str, str],
    topic: Topic[Any] | None,
    handlers: Iterable[tuple[Declaration, str]],
    *,
    is_sent: bool,
) -> Json:
    """`topic` is None where its only object was one that declared a handler, and is gone."""
    messages: list[Json] = [*_sent(topic)] if is_sent and topic is not None else []
    found: list[Json] = []
    codecs: list[EventCodec[Any]] = []
    for declaration, path in handlers:
        found.append({"path": path, "match": declaration.options.match, "place": declaration.place})
        if not any(each is declaration.codec for each in codecs):
            codecs.append(declaration.codec)
    kind = "" if topic is None or not isinstance(topic.type, str) else topic.type
    messages += [message for codec in codecs for message in _taken(codec, kind)]
    return {"pubsub": key[0], "topic": key[1], "handlers": found, "messages": messages}


def _sent(topic: Topic[Any]) -> Iterator[Json]:
    fixed = {
        name: value
        for name, value in (("type", topic.type), ("dataschema", topic.dataschema))
        if isinstance(value, str)
    }
    for model in types_of(topic.codec.model):
        yield _message(model, SENT, fixed)


def _taken(codec: EventCodec[Any], kind: str) -> Iterator[Json]:
    """What handlers take; `kind` is the type that the topic publishes, for an example."""
    versions = codec.versions
    told: dict[str, str] = {}
    if versions is not None:
        newest = versions.newest
        if isinstance(newest.dataschema, str):
            told["dataschema"] = newest.dataschema
        if isinstance(newest.type, str) and any(each.version.type for each in versions.upcasters):
            told["type"] = newest.type
    for model in types_of(codec.model):
        yield _message(model, TAKEN, told, certain=False, example=kind)
    for each in () if versions is None else versions.upcasters:
        pairs = (("type", each.version.type), ("dataschema", each.version.dataschema))
        yield _message(each.model, TAKEN, {name: value for name, value in pairs if value is not None})


def _message(
    model: Any, direction: str, attributes: Mapping[str, str], *, certain: bool = True, example: str = ""
) -> Json:
    """`attributes` are there in each event of it if `certain`; else there may be none."""
    written = direction == SENT
    name = getattr(model, "__name__", None) or str(model)
    problem = ""
    try:
        schema: Any = TypeAdapter(model).json_schema(
            mode="serialization" if written else "validation",
            schema_generator=_AsWritten if written else GenerateJsonSchema,
        )
    except PydanticUserError as error:
        schema, problem = {}, error.message.splitlines()[0]
    return {
        "name": name,
        "direction": direction,
        "attributes": dict(attributes),
        "certain": certain,
        "schema": schema,
        "problem": problem,
        "type": example,
    }
