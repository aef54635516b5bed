"""What to look at where no broker lets a client in, by what the client library says of it. Pure."""

from __future__ import annotations

from typing import Final

from outboard.sidecar.components.kafka.settings import Security

__all__ = ["what_to_look_at"]

ENDED: Final = (":", " closed")
NO_TLS: Final = (
    "Either that port does not speak TLS, which every `authType` but `none` turns on unless `disableTls` is "
    "set, or it does not take the certificate of this client"
)
WANTS_TLS: Final = (
    "Perhaps that port speaks TLS only: take `disableTls` away, or name another port in `brokers`"
)
WANTS_MORE: Final = (
    "Perhaps that port speaks TLS only, or asks for a login, which `authType: none` does not give: set "
    "`authType`, or name another port in `brokers`"
)
NO_LOGIN: Final = (
    "That port asks for no login, which `authType: password` is: set `authType: none`, or `certificate` "
    "where it speaks TLS, or name another port in `brokers`"
)


def what_to_look_at(security: Security, said: str) -> str:
    """A sentence that names the metadata items, without a stop; empty where nothing is known."""
    if "IllegalSaslState" in said:
        return NO_LOGIN
    if "UnsupportedSaslMechanism" in said:
        return f"The broker does not offer {security.mechanism}: look at `saslMechanism`"
    if "SaslAuthenticationFailed" in said:
        return "Look at `saslUsername`, `saslPassword` and `saslMechanism`"
    if "CERTIFICATE_VERIFY_FAILED" in said:
        return "`caCert` must be the authority of the broker's certificate"
    if security.tls and "WRONG_VERSION_NUMBER" in said:
        return NO_TLS
    if not said.rstrip().endswith(ENDED):
        return ""
    if security.tls:
        return NO_TLS
    return WANTS_TLS if security.mechanism else WANTS_MORE
