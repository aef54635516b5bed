"""CloudEvents 1.0: one event as a value, its validation, and its two HTTP forms.

Source: "CloudEvents - Version 1.0.2", "JSON Event Format for CloudEvents" and "HTTP Protocol Binding for
CloudEvents". No I/O.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias
from urllib.parse import quote, unquote

from pydantic_core import from_json, to_json

from outboard.errors import InvalidCloudEvent
from outboard.gojson.values import Json

__all__ = [
    "CAUSATION_ID",
    "CORRELATION_ID",
    "PARTITION_KEY_ATTRIBUTE",
    "STRUCTURED_CONTENT_TYPE",
    "AttributeValue",
    "CloudEvent",
    "check",
    "check_schema",
    "from_binary",
    "from_http",
    "from_structured",
    "is_json",
    "to_binary",
    "to_structured",
]

AttributeValue: TypeAlias = str | int | bool

STRUCTURED_CONTENT_TYPE: Final = "application/cloudevents+json"
PARTITION_KEY_ATTRIBUTE: Final = "partitionkey"
"""The extension attribute of "CloudEvents Extension - Partitioning"."""
CORRELATION_ID: Final = "correlationid"
CAUSATION_ID: Final = "causationid"
"""The extension attributes of CloudEvents, "Correlation"."""
REQUIRED: Final = ("id", "source", "type", "specversion")
OPTIONAL: Final = ("datacontenttype", "dataschema", "subject", "time")
NAME: Final = re.compile(r"[a-z0-9]+\Z")
TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)\Z")
SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")
MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+\s*(;.*)?\Z")
NOT_IN_STRINGS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]")
NOT_IN_URIS: Final = re.compile(r"[\s\"<>\\^`{|}]")
HEADER_PREFIX: Final = "ce-"
HEADER_SAFE: Final = "".join(chr(code) for code in range(0x21, 0x7F) if chr(code) not in '"%')


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudEvent:
    """One event. `data` is JSON, or bytes where the event carries binary data; None where it has none.

    `extensions` holds every attribute that is not of the core specification.
    """

    id: str
    source: str
    type: str
    specversion: str = "1.0"
    datacontenttype: str | None = None
    dataschema: str | None = None
    subject: str | None = None
    time: datetime | None = None
    extensions: Mapping[str, AttributeValue] = field(default_factory=dict)
    data: Json | bytes = None


def is_json(content_type: str | None) -> bool:
    """Whether data of this type is JSON; where no type is given, it is (JSON Event Format, 3.1)."""
    if not content_type:
        return True
    subtype = content_type.split(";")[0].strip().lower().rpartition("/")[2]
    return subtype == "json" or subtype.endswith("+json")


def check(event: CloudEvent) -> None:
    """Hold `event` against every rule of the specification.

    Raises InvalidCloudEvent for the first attribute that breaks one.
    """
    for name in ("id", "source", "type"):
        _check_string(name, getattr(event, name))
    if event.specversion != "1.0":
        raise InvalidCloudEvent("specversion", f"is {event.specversion!r}; only '1.0' is known")
    _check_uri("source", event.source)
    if event.datacontenttype is not None:
        _check_media_type(event.datacontenttype)
    if event.dataschema is not None:
        check_schema(event.dataschema)
    if event.subject is not None:
        _check_string("subject", event.subject)
    if event.time is not None and event.time.tzinfo is None:
        raise InvalidCloudEvent("time", "has no offset from UTC")
    for name, value in event.extensions.items():
        if not NAME.match(name) or name == "data" or name in REQUIRED or name in OPTIONAL:
            raise InvalidCloudEvent(name, "cannot name an extension: lower-case letters and digits only")
        _check_extension(name, value)


def check_schema(dataschema: str) -> None:
    """Raise InvalidCloudEvent unless it is what `dataschema` may be: an absolute URI."""
    _check_uri("dataschema", _check_string("dataschema", dataschema), absolute=True)


def from_structured(body: bytes) -> CloudEvent:
    """Read the JSON form.

    Names of extension attributes are taken as they come: daprd's outbox copies keys such as `contentType`
    into the envelope, and an event is not poison for that. `check` is strict.
    Raises InvalidCloudEvent; its `attribute` is "body" where the whole is not a JSON object.
    """
    try:
        members = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise InvalidCloudEvent("body", f"is not JSON: {error}") from None
    if not isinstance(members, dict):
        raise InvalidCloudEvent("body", "is not a JSON object")
    attributes = {name: value for name, value in members.items() if value is not None}
    data = attributes.pop("data", None)
    encoded = attributes.pop("data_base64", None)
    if encoded is not None:
        if data is not None:
            raise InvalidCloudEvent("data_base64", "stands beside 'data': an event has one of them")
        data = _decode_base64(encoded)
    return _build(attributes, data)


def to_structured(event: CloudEvent) -> bytes:
    """Write the JSON form, content type `application/cloudevents+json`. Raises InvalidCloudEvent."""
    check(event)
    members: dict[str, Json] = dict(_attributes(event))
    if isinstance(event.data, bytes):
        members["data_base64"] = base64.b64encode(event.data).decode("ascii")
    elif event.data is not None:
        members["data"] = event.data
    return to_json(members)


def from_binary(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Read the binary form: attributes from the `ce-` headers, data from the body.

    Header names are in lower case. Every extension is a string here, as the binding says.
    Raises InvalidCloudEvent.
    """
    attributes: dict[str, Json] = {
        name.removeprefix(HEADER_PREFIX): _from_header(name, value)
        for name, value in headers.items()
        if name.startswith(HEADER_PREFIX)
    }
    content_type = headers.get("content-type")
    if content_type:
        attributes["datacontenttype"] = content_type
    return _build(attributes, _decode_body(body, content_type))


def to_binary(event: CloudEvent) -> tuple[dict[str, str], bytes]:
    """Write the binary form: headers with names in lower case, and the body. Raises InvalidCloudEvent."""
    check(event)
    headers = {
        HEADER_PREFIX + name: quote(_text(value), safe=HEADER_SAFE)
        for name, value in _attributes(event).items()
        if name != "datacontenttype"
    }
    if event.data is None:
        return headers, b""
    default = "application/octet-stream" if isinstance(event.data, bytes) else "application/json"
    headers["content-type"] = event.datacontenttype or default
    if isinstance(event.data, bytes):
        return headers, event.data
    if isinstance(event.data, str) and not is_json(headers["content-type"]):
        return headers, event.data.encode("utf-8")
    return headers, to_json(event.data)


def from_http(headers: Mapping[str, str], body: bytes) -> CloudEvent:
    """Read whichever form the request has; without `ce-` headers it is taken for the structured one.

    daprd sends structured events under content types of its own, so the content type does not decide.
    Raises InvalidCloudEvent.
    """
    content_type = headers.get("content-type", "").split(";")[0].strip().lower()
    if content_type != STRUCTURED_CONTENT_TYPE and f"{HEADER_PREFIX}specversion" in headers:
        return from_binary(headers, body)
    return from_structured(body)


def _build(attributes: Mapping[str, Json], data: Json | bytes) -> CloudEvent:
    for name in REQUIRED:
        if name not in attributes:
            raise InvalidCloudEvent(name, "is missing")
    if "data" in attributes:  # of a header `ce-data`
        raise InvalidCloudEvent("data", "cannot name an extension")
    core = {name: _check_string(name, attributes[name]) for name in REQUIRED + OPTIONAL if name in attributes}
    time = _parse_time(core.pop("time")) if "time" in core else None
    extensions = {
        name: _check_extension(name, value)
        for name, value in attributes.items()
        if name not in REQUIRED and name not in OPTIONAL
    }
    event = CloudEvent(**core, time=time, extensions=extensions, data=data)
    if event.specversion != "1.0":
        raise InvalidCloudEvent("specversion", f"is {event.specversion!r}; only '1.0' is known")
    _check_uri("source", event.source)
    if event.dataschema is not None:
        _check_uri("dataschema", event.dataschema, absolute=True)
    if event.datacontenttype is not None:
        _check_media_type(event.datacontenttype)
    return event


def _attributes(event: CloudEvent) -> dict[str, AttributeValue]:
    core = {name: getattr(event, name) for name in ("specversion", "id", "source", "type", *OPTIONAL)}
    if event.time is not None:
        core["time"] = format_time(event.time)
    return {name: value for name, value in core.items() if value is not None} | dict(event.extensions)


def _check_string(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise InvalidCloudEvent(name, "is not a string")
    if not value:
        raise InvalidCloudEvent(name, "is empty")
    return _check_characters(name, value)


def _check_characters(name: str, value: str) -> str:
    if found := NOT_IN_STRINGS.search(value):
        raise InvalidCloudEvent(name, f"holds U+{ord(found[0]):04X}, which no string may hold")
    return value


def _check_extension(name: str, value: object) -> AttributeValue:
    if isinstance(value, str):
        return _check_characters(name, value)
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**31) <= value < 2**31:
            raise InvalidCloudEvent(name, "is an integer outside the 32 bits that an attribute may have")
        return value
    raise InvalidCloudEvent(name, "is not a string, an integer or a boolean")


def _check_uri(name: str, value: str, *, absolute: bool = False) -> None:
    if NOT_IN_URIS.search(value):
        raise InvalidCloudEvent(name, "is not a URI" if absolute else "is not a URI reference")
    if absolute and not SCHEME.match(value):
        raise InvalidCloudEvent(name, "is not an absolute URI")


def _check_media_type(value: str) -> None:
    if not MEDIA_TYPE.match(value):
        raise InvalidCloudEvent("datacontenttype", "is not a media type")


def _parse_time(value: str) -> datetime:
    if not TIMESTAMP.match(value):
        raise InvalidCloudEvent("time", "is not an RFC 3339 timestamp")
    try:
        return datetime.fromisoformat(value.upper())
    except ValueError as error:
        raise InvalidCloudEvent("time", f"is not an RFC 3339 timestamp: {error}") from None


def format_time(time: datetime) -> str:
    """RFC 3339; UTC is written `Z`."""
    if time.tzinfo is UTC:
        return to_json(time)[1:-1].decode("ascii")  # as below, in a third of the time
    text = time.isoformat()
    return text.removesuffix("+00:00") + "Z" if time.utcoffset() == UTC.utcoffset(None) else text


def _decode_base64(value: Json) -> bytes:
    if not isinstance(value, str):
        raise InvalidCloudEvent("data_base64", "is not a string")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise InvalidCloudEvent("data_base64", f"is not Base64: {error}") from None


def _from_header(name: str, value: str) -> str:
    try:
        return unquote(value, errors="strict")
    except UnicodeDecodeError:
        raise InvalidCloudEvent(name.removeprefix(HEADER_PREFIX), "is not UTF-8 in its header") from None


def _decode_body(body: bytes, content_type: str | None) -> Json | bytes:
    if not body:
        return None
    if content_type and is_json(content_type):
        try:
            decoded: Json = from_json(body, allow_inf_nan=False)
        except ValueError as error:
            problem = f"is not JSON, though 'datacontenttype' says so: {error}"
            raise InvalidCloudEvent("data", problem) from None
        return decoded
    if content_type and content_type.lower().startswith("text/"):
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            return body
    return body


def _text(value: AttributeValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)
