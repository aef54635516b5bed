"""One span as the dashboard keeps it: short texts, in which what looks like a secret is masked. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, TypeAlias, cast

from outboard.dashboard.secret_names import looks_secret, without_secrets
from outboard.doctor.masking import Masker
from outboard.gojson.values import Json
from outboard.wire.sensitive import MASK

__all__ = ["ReceivedSpan", "SpanPlace", "cut", "shown_attributes"]

MOST_ATTRIBUTES: Final = 64
LONGEST_VALUE: Final = 1_000
IN_QUERY: Final = re.compile(r"([?&;])([^=&;?#\s]+)=([^&;#\s]*)")
WITHOUT_PASSWORDS: Final = Masker(())
"""Takes those out of URLs."""

SpanPlace: TypeAlias = tuple[str, str]
"""A trace id and a span id, of 32 and 16 lower-case hex digits."""


class ReceivedSpan(NamedTuple):
    """`began` is in seconds since 1970 by the clock of its app, `duration` in seconds. `parent_id` is empty
    for the root of a trace, `kind` where it is not said. `message_id` and `conversation_id` are those of
    messaging, `links` the places of other spans.
    """

    trace_id: str
    span_id: str
    parent_id: str
    service: str
    name: str
    kind: str
    began: float
    duration: float
    failed: bool = False
    status: str = ""
    attributes: Sequence[tuple[str, str]] = ()
    links: Sequence[SpanPlace] = ()
    message_id: str = ""
    conversation_id: str = ""

    @property
    def place(self) -> SpanPlace:
        return self.trace_id, self.span_id

    @property
    def size(self) -> int:
        """About how much memory it takes, in characters."""
        said = sum(len(name) + len(value) for name, value in self.attributes)
        return 500 + said + len(self.name) + len(self.status) + 100 * len(self.links)


def cut(text: str, longest: int = LONGEST_VALUE) -> str:
    """`text`, or its beginning."""
    return text if len(text) <= longest else f"{text[:longest]}…"


def shown_attributes(values: Mapping[str, object]) -> list[tuple[str, str]]:
    """Attributes as text, the first ones where there are too many. `values` are those of JSON."""
    found = [(cut(name, 200), _shown(name, value)) for name, value in list(values.items())[:MOST_ATTRIBUTES]]
    left = len(values) - len(found)
    return [*found, ("…", f"{left} more")] if left > 0 else found


def _shown(name: str, value: object) -> str:
    if looks_secret(name):
        return MASK
    text = (
        value
        if isinstance(value, str)
        else json.dumps(cast("Json", without_secrets(value)), ensure_ascii=False)
    )
    return cut(WITHOUT_PASSWORDS(IN_QUERY.sub(_in_query, text)))


def _in_query(found: re.Match[str]) -> str:
    """A parameter of an address, which may be a token."""
    mark, name, value = found.groups()
    return f"{mark}{name}={MASK if looks_secret(name) else value}"
