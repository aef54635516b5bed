"""What changed from one AsyncAPI 3 document to another, and whom it breaks. Pure.

A producer that writes what its consumers do not know breaks them: all that an app sends now has to be
something that was sent before. A consumer that does not take what is written breaks its producers: all that
an app received before, it has to receive now. Of an object that says nothing of fields that it does not name,
they are not written, and ignored where they are read: so a field that may be missing can be added.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from outboard.asyncapi.alternatives import CannotCompare, Schema, resolved
from outboard.asyncapi.inclusion import misfits
from outboard.asyncapi.keywords import Part, SchemaMisfit

__all__ = ["Change", "Whom", "changes"]

Whom: TypeAlias = Literal["consumers", "producers", ""]

SEND: Final = "send"
RECEIVE: Final = "receive"


_Named: TypeAlias = tuple[str, SchemaMisfit]
"""With the name of its message."""


@dataclass(frozen=True, slots=True)
class Change:
    """One change: of a topic, in what `operation` sends or receives of it, at a `path` of an event.

    `breaks` is who breaks by it, empty for nobody. `rule` is one of `RULES`, or `added` or `removed`.
    """

    pubsub: str
    topic: str
    action: str
    operation: str
    message: str
    path: str
    rule: str
    text: str
    breaks: Whom


@dataclass(frozen=True, slots=True)
class _Operation:
    """`messages` are its payloads, with their names."""

    name: str
    action: str
    pubsub: str
    topic: str
    messages: tuple[tuple[str, Schema], ...]

    @property
    def channel(self) -> tuple[str, str]:
        return self.pubsub, self.topic


def changes(old: Part, new: Part) -> list[Change]:
    """All of them, those that break somebody first. Raises CannotCompare for what is no such document."""
    before, after = list(_operations(old)), list(_operations(new))
    found = [*_sent(before, old, after, new), *_received(before, old, after, new)]
    return sorted(
        found, key=lambda each: (not each.breaks, each.topic, each.action, each.operation, each.path)
    )


def _sent(
    before: Sequence[_Operation], old: Part, after: Sequence[_Operation], new: Part
) -> Iterator[Change]:
    for each in after:
        if each.action != SEND:
            continue
        known = [one for one in before if one.action == SEND and one.channel == each.channel]
        if not known:
            yield _whole(each, "added", "is published now")
            continue
        promised = _together(known)
        breaks = list(_misfits(each, new, promised, old, only_named=True))
        for name, found in breaks:
            yield _change(each, name, found, "consumers")
        back = _misfits(promised, old, each, new) if len(known) == 1 else ()
        for name, found in _elsewhere(breaks, _misfits(each, new, promised, old), back):
            yield _change(each, name, found, "")
    yield from _gone(before, after, SEND, "is not published any more")


def _received(
    before: Sequence[_Operation], old: Part, after: Sequence[_Operation], new: Part
) -> Iterator[Change]:
    for each in before:
        now = _same_operation(each, before, after) if each.action == RECEIVE else None
        if now is None:
            continue
        breaks = list(_misfits(each, old, now, new, only_named=True))
        for name, found in breaks:
            yield _change(now, name, found, "producers")
        others = _misfits(each, old, now, new), _misfits(now, new, each, old)
        for name, found in _elsewhere(breaks, *others):
            yield _change(now, name, found, "")
    yield from _gone(before, after, RECEIVE, "is not received any more")
    for each in after:
        if each.action == RECEIVE and not any(_same_operation(one, before, after) is each for one in before):
            yield _whole(each, "added", "is received now")


def _same_operation(
    of: _Operation, before: Sequence[_Operation], after: Sequence[_Operation]
) -> _Operation | None:
    """That of the same name; where it got another one, the only one of the channel."""

    def like(operations: Sequence[_Operation]) -> list[_Operation]:
        return [one for one in operations if (one.action, one.channel) == (of.action, of.channel)]

    now = like(after)
    named = next((one for one in now if one.name == of.name), None)
    return named or (now[0] if len(now) == 1 and len(like(before)) == 1 else None)


def _gone(
    before: Sequence[_Operation], after: Sequence[_Operation], action: str, text: str
) -> Iterator[Change]:
    for each in before:
        if each.action == action and not any(
            (one.action, one.channel) == (action, each.channel) for one in after
        ):
            yield _whole(each, "removed", text)


def _together(operations: Sequence[_Operation]) -> _Operation:
    first = operations[0]
    messages = tuple(message for each in operations for message in each.messages)
    return _Operation(first.name, first.action, first.pubsub, first.topic, messages)


def _elsewhere(told: Iterable[_Named], *others: Iterable[_Named]) -> Iterator[_Named]:
    """Those of `others` at places of which nothing is told yet."""
    places = {found.path for _, found in told}
    for each in others:
        here = [(name, found) for name, found in each if found.path not in places]
        yield from here
        places |= {found.path for _, found in here}


def _misfits(
    writer: _Operation, writers: Part, reader: _Operation, readers: Part, *, only_named: bool = False
) -> Iterator[_Named]:
    """With the name of the message that may be written."""

    def between(schema: Schema, other: Schema) -> list[SchemaMisfit]:
        return misfits(schema, writers, other, readers, only_named=only_named)

    anything = {"anyOf": [schema for _, schema in reader.messages]}
    for name, schema in writer.messages:
        if not between(schema, anything):
            continue
        near = [other for title, other in reader.messages if title == name]
        if not near and len(reader.messages) == len(writer.messages) == 1:
            near = [reader.messages[0][1]]
        if not near:
            known = ", ".join(dict.fromkeys(title for title, _ in reader.messages))
            yield name, SchemaMisfit("", "alternative", f"{name} is none of {known}")
            continue
        tried = [between(schema, other) for other in near]
        for found in min(tried, key=len) or between(schema, anything):
            yield name, found


def _change(operation: _Operation, message: str, found: SchemaMisfit, breaks: Whom) -> Change:
    return Change(
        operation.pubsub,
        operation.topic,
        operation.action,
        operation.name,
        message,
        found.path,
        found.rule,
        found.text,
        breaks,
    )


def _whole(operation: _Operation, rule: str, text: str) -> Change:
    pubsub, topic, action = operation.pubsub, operation.topic, operation.action
    return Change(pubsub, topic, action, operation.name, "", "", rule, text, "")


def _operations(document: Part) -> Iterator[_Operation]:
    """Those of the document; of a channel without any, both: who it is for, is not said."""
    if not str(document.get("asyncapi", "")).startswith("3."):
        raise CannotCompare(f"it is no AsyncAPI 3 document, but {document.get('asyncapi', 'something else')}")
    channels = _named(document.get("channels"), document)
    used: set[str] = set()
    for name, operation in _named(document.get("operations"), document).items():
        reference = str(_map(operation.get("channel", {})).get("$ref", ""))
        channel = _map(resolved({"$ref": reference}, document))
        used.add(reference.rpartition("/")[2])
        told = operation.get("messages")
        messages = _named(channel.get("messages"), document).values() if told is None else _list(told)
        yield _operation(name, operation.get("action", ""), reference, channel, messages, document)
    for name, channel in channels.items():
        if name not in used:
            messages = _named(channel.get("messages"), document).values()
            for action in (SEND, RECEIVE):
                yield _operation(f"{name}.{action}", action, f"/{name}", channel, messages, document)


def _operation(
    name: str, action: str, reference: str, channel: Part, messages: Any, document: Part
) -> _Operation:
    found = []
    for each in messages:
        message = _map(resolved(each, document))
        payload = message.get("payload", True)
        if isinstance(payload, Mapping) and "schemaFormat" in payload:
            payload = payload.get("schema", True)
        if not isinstance(payload, Mapping | bool):
            raise CannotCompare(f"{payload!r} stands where the schema of a payload should")
        title = message.get("name") or str(each.get("$ref", "")).rpartition("/")[2] or name
        found.append((title, payload))
    topic = channel.get("address") or reference.rpartition("/")[2]
    return _Operation(name, action, str(channel.get("x-dapr-pubsub", "")), topic, tuple(found))


def _named(found: Any, document: Part) -> Mapping[str, Part]:
    return {
        name: _map(resolved(each, document)) for name, each in _map({} if found is None else found).items()
    }


def _list(found: Any) -> Sequence[Any]:
    if isinstance(found, list):
        return found
    raise CannotCompare("a part of it that should be a list is none")


def _map(found: Any) -> Part:
    if isinstance(found, Mapping):
        return found
    raise CannotCompare("a part of it that should be a mapping is none")
