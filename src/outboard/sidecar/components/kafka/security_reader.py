"""How a `pubsub.kafka` component logs in and whom it trusts: `authType` and what belongs to it.

Source: Dapr, "Apache Kafka" (pub/sub component), "Authentication"; daprd 1.18.
"""

from __future__ import annotations

import logging
from typing import Final

from outboard.resources import boolean
from outboard.resources.node import near
from outboard.sidecar.components.kafka.settings import Mechanism, Security
from outboard.sidecar.components.metadata.properties import Properties

__all__ = ["read_security"]

logger = logging.getLogger(__name__)

AUTH_TYPES: Final = ("none", "password", "mtls", "certificate")
ELSEWHERE: Final = ("oidc", "oidc_private_key_jwt", "awsiam")
MECHANISMS: Final[dict[str, Mechanism]] = {"SHA-256": "SCRAM-SHA-256", "SHA-512": "SCRAM-SHA-512"}
PLAIN: Final = frozenset({"", "PLAIN", "PLAINTEXT"})
PEM: Final = "-----BEGIN "


def read_security(properties: Properties) -> Security:
    """TLS is on for every `authType` but `none`, unless `disableTls` is set. Raises ComponentInitFailed."""
    written = _auth_type(properties)
    kind = written.lower()
    if kind in ELSEWHERE:
        reason = f"kafka error: `authType: {written}` is not served by this sidecar"
        advice = "Run the app with the real daprd, or use password, mtls or certificate."
        raise properties.failure(reason, advice, "authType")
    if kind not in AUTH_TYPES:
        advice = near(kind, AUTH_TYPES) or f"Write one of {', '.join(AUTH_TYPES)}."
        raise properties.failure("kafka error: invalid value for 'authType' attribute", advice, "authType")
    tls = written != "none" and not properties.boolean("disableTls")
    if kind == "none" and tls:
        problem = f"`authType: {written}` turns TLS on, as with daprd: only `none` in lower case is without"
        properties.warn(problem, "", "authType")
    cert, key = _client_pair(properties, tls) if kind == "mtls" else ("", "")
    if properties.boolean("skipVerify") and tls:
        logger.info("kafka: you are using 'skipVerify' to skip server config verify which is unsafe!")
    return Security(
        tls=tls,
        verify=not properties.boolean("skipVerify"),
        ca_cert=_authority(properties, required=kind == "certificate"),
        client_cert=cert,
        client_key=key,
        mechanism=_mechanism(properties) if kind == "password" else None,
        username=_credential(properties, "saslUsername", "Username") if kind == "password" else "",
        password=_credential(properties, "saslPassword", "Password") if kind == "password" else "",
    )


def _auth_type(properties: Properties) -> str:
    """`authType`, or what the deprecated `authRequired` says instead."""
    written = properties.string("authType")
    if written:
        return written
    required = properties.string("authRequired")
    if not required:
        advice = "Add `- name: authType` with `value: none`, `password`, `mtls` or `certificate`."
        raise properties.failure(
            "kafka error: 'authType' attribute was missing or empty", advice, "authType", "brokers"
        )
    properties.warn("AuthRequired is deprecated", "Use AuthType instead.", "authRequired")
    try:
        wanted = boolean.parse(required)
    except ValueError:
        reason = "kafka error: invalid value for 'authRequired' attribute"
        raise properties.failure(reason, "Write `authType` instead.", "authRequired") from None
    if not wanted:
        return "none"
    return "password" if properties.string("saslPassword") else "mtls"


def _credential(properties: Properties, name: str, what: str) -> str:
    value = properties.string(name)
    if not value:
        reason = f"kafka error: missing SASL {what} for authType 'password'"
        raise properties.failure(reason, f"Add `- name: {name}`.", name, "authType")
    return value


def _mechanism(properties: Properties) -> Mechanism:
    """daprd takes for PLAIN whatever it does not know."""
    text = properties.string("saslMechanism")
    if text not in PLAIN and text not in MECHANISMS:
        advice = near(text, MECHANISMS, 0.5) or "It knows `SHA-256` and `SHA-512`."
        properties.warn(f"`saslMechanism: {text}` is taken for PLAIN, as by daprd", advice, "saslMechanism")
    return MECHANISMS.get(text, "PLAIN")


def _authority(properties: Properties, *, required: bool) -> str:
    text = _pem(properties, "caCert", "ca certificate")
    if required and not text:
        reason = "missing CA certificate property 'caCert' for authType 'certificate'"
        raise properties.failure(reason, "Add `- name: caCert` with the PEM text.", "authType")
    return text


def _client_pair(properties: Properties, tls: bool) -> tuple[str, str]:
    cert = _pem(properties, "clientCert", "client certificate")
    key = _pem(properties, "clientKey", "client key")
    if not cert or not key:
        reason = "kafka error: clientKey or clientCert is missing"
        raise properties.failure(reason, "Add both, as PEM text.", "clientCert", "clientKey", "authType")
    if not tls:
        reason = "kafka: cannot configure mTLS authentication when TLSDisable is 'true'"
        raise properties.failure(reason, "Remove `disableTls`, or use another `authType`.", "disableTls")
    return cert, key


def _pem(properties: Properties, name: str, what: str) -> str:
    """The text itself is not in the message: it may be a key."""
    text = properties.string(name)
    if text and PEM not in text:
        advice = "Give the PEM text itself (-----BEGIN …), not the name of its file."
        raise properties.failure(f"kafka error: invalid {what}", advice, name)
    return text
