"""From a component's metadata to the settings of `pubsub.kafka`, with what daprd takes and refuses.

Source: Dapr, "Apache Kafka" (pub/sub component); daprd 1.18 where it differs from its pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final, TypeVar, cast

from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.kafka.security_reader import read_security
from outboard.sidecar.components.kafka.settings import Compression, KafkaSettings, Offset, Strategy
from outboard.sidecar.components.metadata import backoff
from outboard.sidecar.components.metadata.backoff import read_backoff
from outboard.sidecar.components.metadata.known import KnownMetadata
from outboard.sidecar.components.metadata.properties import Properties

__all__ = ["METADATA", "read_settings"]

METADATA_AGE: Final = "clientConnectionTopicMetadataRefreshInterval"
SERVED: Final = (
    "brokers", "authType", "authRequired", "saslUsername", "saslPassword", "saslMechanism", "caCert",
    "clientCert", "clientKey", "skipVerify", "disableTls", "consumerGroup", "clientID", "initialOffset",
    "version", "maxMessageBytes", "compression", "consumeRetryEnabled", "consumeRetryInterval",
    *backoff.METADATA, "heartbeatInterval", "sessionTimeout", "consumerGroupRebalanceStrategy",
    METADATA_AGE,
    "consumerFetchMin", "consumerFetchDefault", "escapeHeaders", "excludeHeaderMetaRegex",
)  # fmt: skip

_OIDC: Final = "OIDC needs the real daprd."
_AWS: Final = "AWS IAM needs the real daprd."
_AVRO: Final = "A schema registry needs the real daprd."
_TUNING: Final = "It tunes daprd's own client."

# What daprd knows and this sidecar does not serve, with the reason.
UNSERVED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "oidcTokenEndpoint", "oidcClientID", "oidcClientSecret", "oidcScopes", "oidcExtensions",
            "oidcClientAssertionCert", "oidcClientAssertionKey", "oidcResource", "oidcAudience", "oidcKid",
        ),
        _OIDC,
    ),
    **dict.fromkeys(
        (
            "region", "accessKey", "secretKey", "sessionToken", "assumeRoleArn", "sessionName", "awsRegion",
            "awsAccessKey", "awsSecretKey", "awsSessionToken", "awsIamRoleArn", "awsStsSessionName",
            "trustAnchorArn", "trustProfileArn",
        ),
        _AWS,
    ),
    **dict.fromkeys(
        (
            "schemaRegistryURL", "schemaRegistryAPIKey", "schemaRegistryAPISecret", "schemaCachingEnabled",
            "schemaLatestVersionCacheTTL", "useAvroJSON",
        ),
        _AVRO,
    ),
    **dict.fromkeys(
        (
            "channelBufferSize", "clientConnectionKeepAliveInterval", "dialTimeout", "readTimeout",
            "writeTimeout", "metadataTimeout", "producerRequiredAcks", "producerRetryMax",
        ),
        _TUNING,
    ),
}  # fmt: skip
METADATA: Final = KnownMetadata(SERVED, UNSERVED)

PORT: Final = re.compile(r".+:[0-9]{1,5}\Z", re.ASCII)
VERSION: Final = re.compile(r"0\.\d+\.\d+\.\d+\Z|[1-9]\d*\.\d+\.\d+\Z", re.ASCII)
NUMBER: Final = re.compile(r"[0-9]+\Z", re.ASCII)
DEFAULT: Final = KafkaSettings((), "", "")
OFFSETS: Final[dict[str, Offset]] = {"": DEFAULT.initial_offset, "newest": "latest", "oldest": "earliest"}
COMPRESSIONS: Final[dict[str, Compression | None]] = {
    "none": None, "gzip": "gzip", "snappy": "snappy", "lz4": "lz4", "zstd": "zstd",
}  # fmt: skip
STRATEGIES: Final = frozenset({"range", "roundrobin", "sticky"})
T = TypeVar("T")


def read_settings(properties: Properties, app_id: str) -> KafkaSettings:
    """Raises ComponentInitFailed, with the line of the item that is wrong."""
    _check_version(properties)
    return KafkaSettings(
        brokers=_brokers(properties),
        group=properties.string("consumerGroup", "consumerID", default=app_id),
        client_id=properties.string("clientID", default=app_id),
        security=read_security(properties),
        initial_offset=_one_of(properties, "initialOffset", _exact(properties, "initialOffset"), OFFSETS),
        max_message_bytes=properties.whole_number("maxMessageBytes", 0) or DEFAULT.max_message_bytes,
        compression=_one_of(
            properties, "compression", properties.string("compression", default="none"), COMPRESSIONS
        ),
        retry=_retry(properties),
        session_pause=_pause(properties),
        heartbeat_interval=properties.seconds("heartbeatInterval", default=DEFAULT.heartbeat_interval),
        session_timeout=properties.seconds("sessionTimeout", default=DEFAULT.session_timeout),
        strategy=_strategy(properties),
        metadata_age=properties.seconds(METADATA_AGE, default=0) or DEFAULT.metadata_age,
        fetch_min_bytes=_exact_number(properties, "consumerFetchMin", DEFAULT.fetch_min_bytes),
        fetch_bytes=_exact_number(properties, "consumerFetchDefault", DEFAULT.fetch_bytes),
        escape_headers=properties.boolean("escapeHeaders"),
        exclude_headers=_pattern(properties),
    )


def _brokers(properties: Properties) -> tuple[str, ...]:
    brokers = tuple(part.strip() for part in properties.required("brokers").split(",") if part.strip())
    for broker in brokers:
        if not PORT.match(broker):
            advice = "Write `host:port`, several with commas between them; Kafka's port usually is 9092."
            raise properties.failure(f"`brokers` has an entry without a port: '{broker}'", advice, "brokers")
    if not brokers:
        raise properties.failure("`brokers` names none", "Write `host:port`.", "brokers")
    return brokers


def _check_version(properties: Properties) -> None:
    """The protocol's version is negotiated; a version that daprd would refuse is refused all the same."""
    version = properties.string("version")
    if version and not VERSION.match(version):
        advice = "Write for instance `2.0.0`, or leave it out."
        raise properties.failure("kafka error: invalid kafka version", advice, "version")


def _one_of(properties: Properties, name: str, text: str, choices: dict[str, T]) -> T:
    if text.lower() not in choices:
        known = ", ".join(f"`{choice}`" for choice in choices if choice)
        raise properties.failure(f"kafka error: invalid {name}: {text}", f"Write {known}.", name)
    return choices[text.lower()]


def _strategy(properties: Properties) -> Strategy:
    name = "consumerGroupRebalanceStrategy"
    text = properties.string(name, default=DEFAULT.strategy).lower()
    if text not in STRATEGIES:
        problem = (
            f"Invalid consumer group rebalance strategy: {text}. Using default strategy: '{DEFAULT.strategy}'"
        )
        properties.warn(problem, "", name)
        return DEFAULT.strategy
    return cast("Strategy", text)


def _exact(properties: Properties, name: str) -> str:
    """The value of an item that daprd reads only where its name is written in exactly this case."""
    if not properties.get(name):
        return ""
    for item in properties.component.metadata:
        if item.name == name:
            return properties[name]
        if item.name.lower() == name.lower():
            problem = f"`{item.name}` is ignored, as by daprd, which reads this item only as `{name}`"
            properties.warn(problem, "", name)
    return ""


def _exact_number(properties: Properties, name: str, default: int) -> int:
    return properties.whole_number(name, default) if _exact(properties, name) else default


def _pause(properties: Properties) -> float:
    text = properties.string("consumeRetryInterval").strip()
    if NUMBER.match(text):
        return int(text) / 1000
    return properties.seconds("consumeRetryInterval", default=DEFAULT.session_pause)


def _retry(properties: Properties) -> RetryPolicy | None:
    if not properties.boolean("consumeRetryEnabled", default=True):
        return None
    return read_backoff(properties, lambda name: _exact(properties, name))


def _pattern(properties: Properties) -> re.Pattern[str] | None:
    text = _exact(properties, "excludeHeaderMetaRegex")
    try:
        return re.compile(text) if text else None
    except re.error as error:
        name = "excludeHeaderMetaRegex"
        reason = f"`{name}` is not a regular expression: {error}"
        raise properties.failure(reason, "Correct it.", name) from None
