"""Where a sidecar's gRPC API is. Pure.

Source: Dapr, "Environment variable reference" (DAPR_GRPC_ENDPOINT); gRPC, "gRPC Name Resolution".
"""

from __future__ import annotations

import ipaddress
from typing import Final, NamedTuple
from urllib.parse import parse_qsl, urlsplit

__all__ = ["GrpcEndpoint", "is_loopback"]

ADVICE: Final = "is not an address such as 127.0.0.1:50001, https://dapr.example or unix:///run/dapr.sock"
DEFAULT_PORT: Final = 443
TLS_BY_SCHEME: Final = {"": False, "http": False, "https": True, "dns": False}


class GrpcEndpoint(NamedTuple):
    """`target` is host and port, or "unix:/path"; with `tls`, the certificate is checked."""

    target: str
    tls: bool = False

    @classmethod
    def parse(cls, text: str) -> GrpcEndpoint:
        """Of `DAPR_GRPC_ENDPOINT`: a scheme perhaps, host and port (443 unless given), `?tls=true` perhaps.

        Raises ValueError with what is wrong.
        """
        if text.startswith("unix:"):
            path = text.removeprefix("unix:").removeprefix("//")
            if not path:
                raise ValueError(ADVICE)
            return cls(f"unix:{path}")
        scheme, rest = _split(text)
        parts = urlsplit(f"//{rest}")
        try:
            port = DEFAULT_PORT if parts.port is None else parts.port
        except ValueError:
            raise ValueError(ADVICE) from None
        said = dict(parse_qsl(parts.query, keep_blank_values=True))
        if scheme not in TLS_BY_SCHEME or not parts.hostname or port == 0 or parts.path.strip("/"):
            raise ValueError(ADVICE)
        if parts.username is not None or parts.fragment or said.keys() - {"tls"}:
            raise ValueError("may have a scheme, a host, a port and `?tls=true`, and nothing more")
        if said.get("tls", "true") not in ("true", "false"):
            raise ValueError("has a `tls` that is neither true nor false")
        host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        return cls(f"{host}:{port}", TLS_BY_SCHEME[scheme] or said.get("tls") == "true")

    @property
    def address(self) -> str:
        """For messages and for telemetry."""
        if self.target.startswith("unix:"):
            return self.target
        return f"{'grpcs' if self.tls else 'grpc'}://{self.target}"

    @property
    def on_loopback(self) -> bool:
        """Whether the sidecar is on this machine, so that no proxy may stand between."""
        if self.target.startswith("unix:"):
            return True
        return is_loopback(urlsplit(f"//{self.target}").hostname or "")


def _split(text: str) -> tuple[str, str]:
    """Scheme and rest: `dns` has an authority sometimes, which is the resolver's and is left out."""
    if text.startswith("dns:"):
        return "dns", text.removeprefix("dns:").removeprefix("//").rpartition("/")[2]
    scheme, separator, rest = text.partition("://")
    return (scheme.lower(), rest) if separator else ("", text)


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine by its name or address."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
