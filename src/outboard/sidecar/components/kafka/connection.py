"""How the client library is to connect: where, secured by what, and as whom."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from outboard.sidecar.components.kafka.client import KafkaFailure
from outboard.sidecar.components.kafka.settings import KafkaSettings, Security

__all__ = ["CertificateUnusable", "connection", "tls_context"]

IDLE_LIMIT: Final = 180.0
"""Azure Event Hubs cuts a connection that was idle for 240 s; ours are closed, and made anew, before that."""


class CertificateUnusable(KafkaFailure):
    """What stands in the metadata `items` can never be used, however often it is tried."""

    def __init__(self, text: str, *items: str) -> None:
        super().__init__(text)
        self.items = items


def tls_context(security: Security) -> ssl.SSLContext | None:
    """Raises CertificateUnusable; the text of the certificates and of the key is not in it."""
    if not security.tls:
        return None
    with _readable("kafka error: unable to load ca certificate", "caCert"):
        context = ssl.create_default_context(cadata=security.ca_cert or None)
    if security.client_cert:
        pair = "kafka error: unable to load client certificate and key pair"
        with _readable(pair, "clientCert", "clientKey"):
            _load_pair(context, security)
    if not security.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _load_pair(context: ssl.SSLContext, security: Security) -> None:
    with _files(security.client_cert, security.client_key) as (cert, key):
        context.load_cert_chain(cert, key, password="")  # an encrypted key would ask at the terminal


@contextmanager
def _readable(problem: str, *items: str) -> Iterator[None]:
    try:
        yield
    except (ssl.SSLError, ValueError, OSError) as error:
        kind = getattr(error, "reason", "") or type(error).__name__
        raise CertificateUnusable(f"{problem}: {kind}", *items) from None


@contextmanager
def _files(*texts: str) -> Iterator[list[Path]]:
    """The texts as files that only this user can read: Python's `ssl` takes nothing else."""
    with tempfile.TemporaryDirectory(prefix="outboard-") as folder:
        paths = [Path(folder) / str(number) for number in range(len(texts))]
        for path, text in zip(paths, texts, strict=True):
            path.touch(mode=0o600)
            path.write_text(text, encoding="utf-8")
        yield paths


def connection(settings: KafkaSettings) -> dict[str, Any]:
    """What aiokafka's clients are told of the brokers and of who connects. Raises KafkaFailure."""
    security = settings.security
    return {
        "bootstrap_servers": list(settings.brokers),
        "client_id": settings.client_id,
        "security_protocol": security.protocol,
        "ssl_context": tls_context(security),
        "sasl_mechanism": security.mechanism or "PLAIN",
        "sasl_plain_username": security.username or None,
        "sasl_plain_password": security.password or None,
        "metadata_max_age_ms": int(settings.metadata_age * 1000),
        "connections_max_idle_ms": int(IDLE_LIMIT * 1000),
    }
