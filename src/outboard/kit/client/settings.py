"""What the kit takes from the environment.

Source: Dapr, "Environment variable reference"; the two component names are Outboard's own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from outboard.errors import InvalidName, SettingInvalid
from outboard.kit.names import check_name
from outboard.wire.dapr import DEFAULT_GRPC_PORT, DEFAULT_HTTP_PORT

__all__ = ["Settings"]

DEFAULT_APP_ID: Final = "app"
DEFAULT_PUBSUB: Final = "pubsub"
DEFAULT_STATE_STORE: Final = "statestore"
ENDPOINT_VARIABLES: Final = ("DAPR_HTTP_ENDPOINT", "DAPR_HTTP_PORT")


@dataclass(frozen=True, slots=True)
class Settings:
    """Where the sidecar is, what it is told, and the components used where none is named.

    `endpoint` is scheme, host and port, without a slash at the end. The tokens are never shown.

    For telemetry: `consumer_group` is empty where it is not known; with `continue_traces` a handler's span is
    a child of the one that made its event, not of the request that brings it.
    `endpoint_named` says whether the environment names it, or the default counts.
    """

    endpoint: str = f"http://127.0.0.1:{DEFAULT_HTTP_PORT}"
    grpc_port: int = DEFAULT_GRPC_PORT
    app_id: str = DEFAULT_APP_ID
    pubsub: str = DEFAULT_PUBSUB
    state_store: str = DEFAULT_STATE_STORE
    api_token: str = field(default="", repr=False)
    app_token: str = field(default="", repr=False)
    consumer_group: str = ""
    continue_traces: bool = False
    endpoint_named: bool = False

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Settings:
        """Read the settings; a variable that is absent or empty has its default.

        Raises SettingInvalid for a value that cannot be used.
        """
        return cls(
            endpoint=_endpoint(environ),
            grpc_port=_port(environ, "DAPR_GRPC_PORT", DEFAULT_GRPC_PORT),
            app_id=_name(environ, "APP_ID", "app", DEFAULT_APP_ID),
            pubsub=_name(environ, "DAPR_PUBSUB_NAME", "pub/sub", DEFAULT_PUBSUB),
            state_store=_name(environ, "DAPR_STATE_STORE_NAME", "state store", DEFAULT_STATE_STORE),
            api_token=_token(environ, "DAPR_API_TOKEN"),
            app_token=_token(environ, "APP_API_TOKEN"),
            consumer_group=environ.get("OUTBOARD_CONSUMER_GROUP", "").strip(),
            continue_traces=_switch(environ, "OUTBOARD_CONTINUE_TRACES"),
            endpoint_named=any(environ.get(name, "").strip() for name in ENDPOINT_VARIABLES),
        )

    @property
    def on_loopback(self) -> bool:
        """Whether the sidecar is on this machine, so that no proxy may stand between."""
        host = urlsplit(self.endpoint).hostname or ""
        if host == "localhost" or host.endswith(".localhost"):
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


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
