"""What a `pubsub.kafka` component says of itself, as frozen values. Times are in seconds."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from outboard.resources.resiliency import RetryPolicy

__all__ = ["MEBIBYTE", "Compression", "KafkaSettings", "Mechanism", "Offset", "Security", "Strategy"]

MEBIBYTE: Final = 1 << 20

Compression: TypeAlias = Literal["gzip", "snappy", "lz4", "zstd"]
Mechanism: TypeAlias = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]
Offset: TypeAlias = Literal["earliest", "latest"]
Strategy: TypeAlias = Literal["range", "roundrobin", "sticky"]


@dataclass(frozen=True, slots=True)
class Security:
    """How the connection is secured. The certificates and the key are PEM text, empty where there is none.

    Without a `mechanism` nobody logs in; without `ca_cert` the machine's own authorities are trusted.
    """

    tls: bool = False
    verify: bool = True
    ca_cert: str = ""
    client_cert: str = ""
    client_key: str = field(default="", repr=False)
    mechanism: Mechanism | None = None
    username: str = ""
    password: str = field(default="", repr=False)

    @property
    def protocol(self) -> str:
        """Kafka's name of it, as in `security.protocol`."""
        return ("SASL_" if self.mechanism else "") + ("SSL" if self.tls else "PLAINTEXT")


@dataclass(frozen=True, slots=True)
class KafkaSettings:
    """`retry` is None where a message that is not acknowledged is passed over.

    `session_pause` is waited before a consumer that failed is made anew. `exclude_headers` matches the names
    that are neither written as headers nor read from them.
    """

    brokers: tuple[str, ...]
    group: str
    client_id: str
    security: Security = Security()
    initial_offset: Offset = "latest"
    max_message_bytes: int = MEBIBYTE
    compression: Compression | None = None
    retry: RetryPolicy | None = field(default_factory=RetryPolicy)
    session_pause: float = 0.1
    heartbeat_interval: float = 3.0
    session_timeout: float = 10.0
    strategy: Strategy = "range"
    metadata_age: float = 480.0
    fetch_min_bytes: int = 1
    fetch_bytes: int = MEBIBYTE
    escape_headers: bool = False
    exclude_headers: re.Pattern[str] | None = None
