"""Where the dashboard of a run takes spans, as the variables of OpenTelemetry tell it to apps. Pure.

Source: OpenTelemetry, "OTLP Exporter Configuration" and "Environment Variable Specification".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from outboard.errors import CommandError

__all__ = ["SPANS_TOKEN", "SPAN_TOKEN", "TRACES", "SpanDestination", "exports_to_nobody", "given_token"]

TRACES: Final = "/v1/traces"
SPAN_TOKEN: Final = "x-outboard-token"
"""The header with the token. Its name and its value are the same in a URL, as some exporters decode them."""
SPANS_TOKEN: Final = "OUTBOARD_SPANS_TOKEN"
"""The variable with the token that comes with spans. Without it each start has another."""
TOKEN: Final = re.compile(r"[\w.~-]{16,200}", re.ASCII)


class SpanDestination(NamedTuple):
    """Where spans are sent, and the header that has to come with them."""

    endpoint: str
    headers: str

    @classmethod
    def of(cls, address: str, token: str) -> SpanDestination:
        """That of the dashboard at `address`, scheme, host and port."""
        return cls(f"{address}{TRACES}", f"{SPAN_TOKEN}={token}")

    @property
    def variables(self) -> dict[str, str]:
        """What an exporter reads."""
        return {
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": self.endpoint,
            "OTEL_EXPORTER_OTLP_TRACES_HEADERS": self.headers,
            "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        }


def exports_to_nobody(environment: Mapping[str, str]) -> bool:
    """Whether it asks for spans to be sent by OTLP, and neither says where nor wants gRPC."""
    named = {each.strip().lower() for each in environment.get("OTEL_TRACES_EXPORTER", "").split(",")}
    said = [
        environment.get(f"OTEL_EXPORTER_OTLP_{signal}{name}", "")
        for name in ("ENDPOINT", "PROTOCOL")
        for signal in ("TRACES_", "")
    ]
    *endpoints, own_protocol, protocol = said
    over_http = (own_protocol or protocol or "http/protobuf").startswith("http/")
    is_off = environment.get("OTEL_SDK_DISABLED", "").lower() == "true"
    return "otlp" in named and not any(endpoints) and over_http and not is_off


def given_token(environment: Mapping[str, str]) -> str:
    """The token that the environment has; empty for none. Raises CommandError for one that is none."""
    token = environment.get(SPANS_TOKEN, "")
    if token and not TOKEN.fullmatch(token):
        advice = (
            "Write 16 to 200 letters, digits, `-`, `_`, `.` and `~` that nobody guesses, or leave it out."
        )
        raise CommandError(f"{SPANS_TOKEN} is no token", advice)
    return token
