"""`Event[T]`: a CloudEvent whose data is of the author's type, and the codec between it and bytes."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Mapping
from functools import cached_property, lru_cache
from typing import Annotated, Any, Final, Generic, TypeAlias, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, TypeAdapter, ValidationError
from pydantic_core import to_json
from typing_extensions import TypeForm

from outboard.errors import InvalidEventData
from outboard.wire.cloudevents import (
    CAUSATION_ID,
    CORRELATION_ID,
    NAME,
    NOT_IN_URIS,
    PARTITION_KEY_ATTRIBUTE,
    SCHEME,
    AttributeValue,
    CloudEvent,
    check,
    format_time,
    from_http,
    from_structured,
    is_json,
)
from outboard.wire.dapr import EVENT_TYPE
from outboard.wire.data import DataCodec, DataUnfit
from outboard.wire.delivery import may_exceed_floats
from outboard.wire.identity import new_id
from outboard.wire.sensitive import Masking
from outboard.wire.versions import EventVersions, NewestVersion

__all__ = ["Event", "EventCodec"]

T = TypeVar("T")

REQUIRED: Final = frozenset({"id", "source", "type", "specversion"})
PLAIN: Final = bytes(code for code in range(0x20, 0x7F) if code not in b'"\\')
CONTENT_TYPES: Final = frozenset({"application/json", "application/octet-stream"})
NAMES: Final = frozenset({"subject", "time", PARTITION_KEY_ATTRIBUTE, "traceparent", "tracestate"})
ONLY_TEXT: Final = {str}
MANY_DIGITS: Final = 300
CORE: Final = ("specversion", "id", "source", "type", "datacontenttype", "dataschema", "subject", "time")


Origin: TypeAlias = tuple[str, str, str, str]
"""The source, type, content type and schema (empty: none), which the events of a topic have in common."""

_Extension: TypeAlias = Annotated[str | StrictBool | int | None, Field(union_mode="left_to_right")]
"""An `AttributeValue` or null. Most are texts, and the smart way would try the other types too."""


class Event(BaseModel, Generic[T]):
    """A CloudEvent 1.0 with data of type `T`. Extension attributes stand in `extensions`.

    Of an event that is published, `source` and `time` may be left out: the topic fills them in.
    Source: "CloudEvents - Version 1.0.2", "Context Attributes".
    """

    model_config = ConfigDict(extra="allow", frozen=True)
    __pydantic_extra__: dict[str, _Extension] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    id: str = Field(default_factory=new_id, min_length=1)
    source: str = ""
    specversion: str = "1.0"
    type: str = Field(default=EVENT_TYPE, min_length=1)
    datacontenttype: str | None = None
    dataschema: str | None = None
    subject: str | None = None
    time: AwareDatetime | None = None
    data: T

    @property
    def extensions(self) -> Mapping[str, AttributeValue]:
        """The attributes beyond the core ones, those that are null left out."""
        return {name: value for name, value in self.__pydantic_extra__.items() if value is not None}

    @property
    def correlationid(self) -> str | None:
        """The conversation that the event belongs to: all that came of one request, say.

        Source: CloudEvents, "Correlation".
        """
        return self._text(CORRELATION_ID)

    @property
    def causationid(self) -> str | None:
        """The id of the event whose handler published this one."""
        return self._text(CAUSATION_ID)

    def _text(self, name: str) -> str | None:
        value = self.__pydantic_extra__.get(name)
        return value if isinstance(value, str) and value else None


class EventCodec(Generic[T]):
    """Reads and writes events whose data is of type `model`. Compile it once and keep it.

    With `versions`, those of older versions become events of the newest, which is what `model` is of.
    """

    def __init__(self, model: TypeForm[T]) -> None:
        self.model = model
        self._data: DataCodec[T] = DataCodec(model)
        self.versions: EventVersions[T] | None = None

    def versioned(self, topic: str, newest: NewestVersion[T]) -> EventVersions[T]:
        """The versions that are told apart, from now on: `newest` is what is published to `topic`."""
        if self.versions is None:
            self.versions = EventVersions(topic, newest, self._data)
        return self.versions

    @cached_property
    def _events(self) -> TypeAdapter[Event[T]]:
        return TypeAdapter(Event[self.model])  # type: ignore[name-defined]

    def decode(self, body: bytes, headers: Mapping[str, str] | None = None) -> Event[T]:
        """Read an event from an HTTP body, structured unless `headers` (names in lower case) say binary.

        Characters and URIs are not held against the specification where the event is read at once and whole.
        Raises InvalidCloudEvent, InvalidEventData.
        """
        if headers is None or "ce-specversion" not in headers:
            try:
                event = self._events.validate_json(body)
            except ValidationError:
                pass  # the long way finds out what is wrong, and knows base64 data
            else:
                if self.is_whole(event):
                    return event
        return self._from_cloud_event(from_structured(body) if headers is None else from_http(headers, body))

    def is_whole(self, event: Event[T]) -> bool:
        """Whether `event`, read by pydantic alone, is all that was sent: it knows neither base64 data nor
        versions.
        """
        return (
            event.specversion == "1.0"
            and event.source != ""
            and "data_base64" not in event.__pydantic_extra__
            and event.__pydantic_fields_set__ >= REQUIRED
            and (self.versions is None or self.versions.is_newest(event.type, event.dataschema))
        )

    def encode(self, event: Event[T]) -> bytes:
        """Write the structured JSON form.

        Raises InvalidCloudEvent, and InvalidEventData where the data is not of the codec's type, or `decode`
        could not read it as that.
        """
        head = _plain_head(event)
        if head is None:
            check(_context(event))
            head = to_json(_members(event))[:-1]
        return head + self._encode_data(event) + b"}"

    def check_data(self, data: object, event_id: str) -> None:
        """Raises InvalidEventData unless `data`, a value of JSON, is of the codec's type."""
        self._decoded(to_json(data), "application/json", event_id)

    def masked(self, data: object, masking: Masking) -> str:
        """`data` as JSON, with what is `Sensitive` masked; empty for bytes and what cannot be written."""
        return "" if isinstance(data, bytes) else self._data.masked(data, masking)

    def masked_misfit(self, data: object, masking: Masking) -> str:
        """As `masked`, of data that is JSON but not of the codec's type."""
        return self._data.masked_misfit(data, masking)

    def _encode_data(self, event: Event[T]) -> bytes:
        if isinstance(event.data, bytes):
            self._decoded(event.data, _content_type(event), event.id)
            return b',"data_base64":"' + base64.b64encode(event.data) + b'"'
        try:
            data = self._data.encode(event.data)
        except DataUnfit as error:
            raise InvalidEventData(event.id, self._data.model_name, error.problem) from None
        if len(data) >= MANY_DIGITS and may_exceed_floats(data):
            self._refuse_large_numbers(event.id, data)
        return b',"data":' + data

    def _refuse_large_numbers(self, event_id: str, data: bytes) -> None:
        """daprd reads each number as a 64-bit float, and would fail at each delivery."""
        try:
            json.loads(data, parse_int=_finite, parse_float=_finite)
        except OverflowError:
            problem = "a number in it is beyond those of 64 bits, so that Dapr could never deliver it"
            raise InvalidEventData(event_id, self._data.model_name, problem) from None

    def _from_cloud_event(self, envelope: CloudEvent) -> Event[T]:
        members: dict[str, Any] = {name: getattr(envelope, name) for name in CORE}
        if upcast := self._upcast(envelope):
            data, members["type"], members["dataschema"] = upcast
        else:
            data = self._decoded(envelope.data, envelope.datacontenttype, envelope.id)
        event: Event[T] = Event[self.model].model_construct(**members, data=data)  # type: ignore[name-defined]
        event.__pydantic_extra__.update(
            envelope.extensions
        )  # any name: as an argument `cls` could not be given
        return event

    def _upcast(self, envelope: CloudEvent) -> tuple[T, str, str | None] | None:
        if self.versions is None:
            return None
        data, content_type, event_id = envelope.data, envelope.datacontenttype, envelope.id
        return self.versions.upcast(
            envelope.type,
            envelope.dataschema,
            event_id,
            lambda codec: _data_of(codec, data, content_type, event_id),
        )

    def _decoded(self, data: object, content_type: str | None, event_id: str) -> T:
        return _data_of(self._data, data, content_type, event_id)


def _data_of(codec: DataCodec[T], data: object, content_type: str | None, event_id: str) -> T:
    adapter = codec.adapter
    try:
        if isinstance(data, bytes) and content_type is not None and is_json(content_type):
            return adapter.validate_json(data)
        return adapter.validate_python(data)
    except ValidationError as error:
        raise InvalidEventData(event_id, codec.model_name, codec.problem_of(error)) from None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise OverflowError
    return number


def _plain_head(event: Event[T]) -> bytes | None:
    """The JSON of `event` up to its data; None where its attributes are not all plain text."""
    fields = vars(event)
    if fields["specversion"] != "1.0":
        return None
    own: dict[str, object] = {}
    if (subject := fields["subject"]) is not None:
        own["subject"] = subject
    if (time := fields["time"]) is not None:
        if time.tzinfo is None:
            return None
        own["time"] = format_time(time)
    own |= event.__pydantic_extra__
    schema = fields["dataschema"]
    if schema is not None and not schema:
        return None
    origin = (fields["source"], fields["type"], _content_type(event), schema or "")
    return _written_plainly(origin, fields["id"], own)


def _written_plainly(origin: Origin, id: str, own: Mapping[str, object]) -> bytes | None:
    """The JSON object of an event, begun with its attributes: its data and the last brace are missing.

    Plain text is what JSON writes as it is, and in which `cloudevents.check` would find nothing: one look at
    the characters does for both, and the attributes of most events are plain. `own` are its other attributes
    by name, the time as it is written. None where something is not plain; whether it is valid remains to be
    seen.
    """
    values: tuple[Any, ...] = (id, *own.values())
    if set(map(type, origin + values)) != ONLY_TEXT or "" in values:
        return None
    form = _form(origin, tuple(own))
    if form is None or not _is_plain("".join(values)):
        return None
    return (form % values).encode("ascii")


@lru_cache(maxsize=256)
def _form(origin: Origin, names: tuple[str, ...]) -> str | None:
    """The head with a `%s` for the id, and for each attribute of these names."""
    source, type, content_type, schema = origin
    if not (source and type and _is_plain(source + type + schema)) or NOT_IN_URIS.search(source + schema):
        return None
    if content_type not in CONTENT_TYPES or (schema and not SCHEME.match(schema)):
        return None
    if not NAMES.issuperset(names) and ("data" in names or not all(map(NAME.match, names))):
        return None
    shared = f'"source":"{source}","type":"{type}","datacontenttype":"{content_type}"'
    shared = (shared + (f',"dataschema":"{schema}"' if schema else "")).replace("%", "%%")
    others = "".join([f',"{name}":"%s"' for name in names])
    return f'{{"specversion":"1.0","id":"%s",{shared}{others}'


def _is_plain(text: str) -> bool:
    """Whether these are characters of ASCII that can be printed, and no JSON string has to escape one."""
    return text.isascii() and not text.encode("ascii").translate(None, PLAIN)


def _members(event: Event[T]) -> dict[str, AttributeValue]:
    """The attributes as they are written, in the order of the specification; the data is not among them."""
    fields = vars(event)
    members: dict[str, AttributeValue] = {name: value for name in CORE if (value := fields[name]) is not None}
    members["datacontenttype"] = _content_type(event)
    if event.time is not None:
        members["time"] = format_time(event.time)
    members |= {name: value for name, value in event.__pydantic_extra__.items() if value is not None}
    return members


def _content_type(event: Event[T]) -> str:
    if event.datacontenttype is not None:
        return event.datacontenttype
    return "application/octet-stream" if isinstance(event.data, bytes) else "application/json"


def _context(event: Event[T]) -> CloudEvent:
    return CloudEvent(
        id=event.id,
        source=event.source,
        type=event.type,
        specversion=event.specversion,
        datacontenttype=_content_type(event),
        dataschema=event.dataschema,
        subject=event.subject,
        time=event.time,
        extensions=event.extensions,
    )
