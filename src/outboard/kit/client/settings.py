"""What the kit takes from the environment.

Source: Dapr, "Environment variable reference"; the two component names are Outboard's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias, cast, get_args
from urllib.parse import urlsplit

from outboard.errors import InvalidName, SettingInvalid
from outboard.kit.client.grpc_endpoint import GrpcEndpoint, is_loopback
from outboard.kit.names import check_name
from outboard.wire.dapr import DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT

__all__ = ["Protocol", "Settings"]

Protocol: TypeAlias = Literal["http", "grpc"]
"""By which of its two APIs the sidecar is asked."""

DEFAULT_GRPC_ENDPOINT: Final = GrpcEndpoint(f"127.0.0.1:{DEFAULT_GRPC_PORT}")
DEFAULT_APP_ID: Final = "app"
DEFAULT_PUBSUB: Final = "pubsub"
DEFAULT_STATE_STORE: Final = "statestore"
ENDPOINT_VARIABLES: Final = ("DAPR_HTTP_ENDPOINT", "DAPR_HTTP_PORT")
GRPC_VARIABLES: Final = ("DAPR_GRPC_ENDPOINT", "DAPR_GRPC_PORT")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the sidecar is, what it is told, and the components used where none is named.

    `endpoint` is scheme, host and port, without a slash at the end; `grpc` is where its other API is. The
    tokens are never shown. With `streaming`, events come by streams that the app opens.

    For telemetry: `consumer_group` is empty where it is not known; with `continue_traces` a handler's span is
    a child of the one that made its event, not of the request that brings it.
    `endpoint_named` and `grpc_named` say whether the environment names it, or the default counts.
    """

    endpoint: str = f"http://127.0.0.1:{DEFAULT_HTTP_PORT}"
    grpc: GrpcEndpoint = DEFAULT_GRPC_ENDPOINT
    protocol: Protocol = "http"
    app_id: str = DEFAULT_APP_ID
    pubsub: str = DEFAULT_PUBSUB
    state_store: str = DEFAULT_STATE_STORE
    api_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    consumer_group: str = ""
    continue_traces: bool = False
    endpoint_named: bool = False
    grpc_named: bool = False
    streaming: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is absent or empty has its default.

        Raises SettingInvalid for a value that cannot be used.
        """
        return cls(
            endpoint=_endpoint(environ),
            grpc=_grpc_endpoint(environ),
            protocol=_protocol(environ),
            app_id=_name(environ, "APP_ID", "app", DEFAULT_APP_ID),
            pubsub=_name(environ, "DAPR_PUBSUB_NAME", "pub/sub", DEFAULT_PUBSUB),
            state_store=_name(environ, "DAPR_STATE_STORE_NAME", "state store", DEFAULT_STATE_STORE),
            api_token=_token(environ, "DAPR_API_TOKEN"),
            app_token=_token(environ, "APP_API_TOKEN"),
            consumer_group=environ.get("OUTBOARD_CONSUMER_GROUP", "").strip(),
            continue_traces=_switch(environ, "OUTBOARD_CONTINUE_TRACES"),
            endpoint_named=any(environ.get(name, "").strip() for name in ENDPOINT_VARIABLES),
            grpc_named=any(environ.get(name, "").strip() for name in GRPC_VARIABLES),
            streaming=_switch(environ, "OUTBOARD_STREAMING"),
        )

    @property
    def address(self) -> str:
        """Where the sidecar is, for messages and for telemetry."""
        return self.endpoint if self.protocol == "http" else self.grpc.address

    @property
    def is_named(self) -> bool:
        """Whether the environment names the address."""
        return self.endpoint_named if self.protocol == "http" else self.grpc_named

    @property
    def on_loopback(self) -> bool:
        """Whether the sidecar is on this machine, so that no proxy may stand between."""
        return is_loopback(urlsplit(self.endpoint).hostname or "")


def _protocol(environ: Mapping[str, str]) -> Protocol:
    name = "DAPR_API_PROTOCOL"
    value = environ.get(name, "").strip().lower() or "http"
    if value not in get_args(Protocol):
        raise SettingInvalid(name, f"is {value[:20]!r}, neither http nor grpc")
    return cast("Protocol", value)


def _grpc_endpoint(environ: Mapping[str, str]) -> GrpcEndpoint:
    name = "DAPR_GRPC_ENDPOINT"
    value = environ.get(name, "").strip()
    if not value:
        return GrpcEndpoint(f"127.0.0.1:{_port(environ, 'DAPR_GRPC_PORT', DEFAULT_GRPC_PORT)}")
    try:
        return GrpcEndpoint.parse(value)
    except ValueError as error:
        raise SettingInvalid(name, str(error)) from None


def _endpoint(environ: Mapping[str, str]) -> str:
    name = "DAPR_HTTP_ENDPOINT"
    value = environ.get(name, "").strip()
    if not value:
        return f"http://127.0.0.1:{_port(environ, 'DAPR_HTTP_PORT', DEFAULT_HTTP_PORT)}"
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise SettingInvalid(name, "is not a URL such as http://127.0.0.1:3500") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise SettingInvalid(name, "is not a URL such as http://127.0.0.1:3500")
    if parts.username is not None or parts.query or parts.fragment or parts.path.strip("/"):
        raise SettingInvalid(name, "may have a scheme, a host and a port, and nothing more")
    return f"{parts.scheme}://{parts.netloc}"


def _port(environ: Mapping[str, str], name: str, default: int) -> int:
    value = environ.get(name, "").strip()
    if not value:
        return default
    if not (value.isascii() and value.isdigit() and 0 < int(value[:6]) < 65536):
        raise SettingInvalid(name, f"is {value[:20]!r}, not a port between 1 and 65535")
    return int(value)


def _name(environ: Mapping[str, str], variable: str, kind: str, default: str) -> str:
    try:
        return check_name(kind, environ.get(variable, "").strip() or default)
    except InvalidName as error:
        raise SettingInvalid(variable, f"is not usable: {error}") from None


def _switch(environ: Mapping[str, str], name: str) -> bool:
    value = environ.get(name, "").strip().lower()
    if value not in ("", "true", "false", "1", "0"):
        raise SettingInvalid(name, f"is {value[:20]!r}, neither true nor false")
    return value in ("true", "1")


def _token(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value.isprintable():
        raise SettingInvalid(name, "holds a character that no header may hold (a line end, perhaps)")
    return value
