from __future__ import annotations

import logging
import re

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.kafka.settings import KafkaSettings
from outboard.sidecar.components.kafka.settings_reader import METADATA, read_settings
from outboard.sidecar.components.opening import open_components
from support.kafka_component import properties

PEM = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
KEY = "-----BEGIN PRIVATE KEY-----\nhush-hush\n-----END PRIVATE KEY-----\n"
REQUIRED = {"brokers": "one:9092, two:9093", "authType": "none"}


def read(**metadata: str) -> KafkaSettings:
    return read_settings(properties(**{**REQUIRED, **metadata}), "app")


def refused(**metadata: str) -> ComponentInitFailed:
    with pytest.raises(ComponentInitFailed) as caught:
        read(**metadata)
    return caught.value


def test_the_defaults_are_daprds() -> None:
    settings = read()

    assert settings == KafkaSettings(("one:9092", "two:9093"), "app", "app")
    assert (settings.initial_offset, settings.max_message_bytes) == ("latest", 1_048_576)
    assert settings.retry == RetryPolicy("constant", duration=5.0, max_retries=-1)
    assert (settings.heartbeat_interval, settings.session_timeout) == (3.0, 10.0)
    assert settings.security.protocol == "PLAINTEXT"


@pytest.mark.parametrize(
    ("metadata", "field", "value"),
    [
        ({"consumerGroup": "g"}, "group", "g"),
        ({"consumerID": "c"}, "group", "c"),
        ({"clientID": "me"}, "client_id", "me"),
        ({"initialOffset": "oldest"}, "initial_offset", "earliest"),
        ({"initialOffset": "Newest"}, "initial_offset", "latest"),
        ({"initialoffset": "oldest"}, "initial_offset", "latest"),
        ({"maxMessageBytes": "5000"}, "max_message_bytes", 5_000),
        ({"consumeRetryEnabled": "false"}, "retry", None),
        ({"consumeRetryInterval": "250"}, "session_pause", 0.25),
        ({"consumeRetryInterval": "2s"}, "session_pause", 2.0),
        ({"heartbeatInterval": "5"}, "heartbeat_interval", 5.0),
        ({"sessionTimeout": "1m"}, "session_timeout", 60.0),
        ({"compression": "zstd"}, "compression", "zstd"),
        ({"compression": "none"}, "compression", None),
        ({"version": "2.8.1"}, "group", "app"),
        ({"version": "0.10.2.0"}, "group", "app"),
        ({"escapeHeaders": "y"}, "escape_headers", True),
        ({"consumerGroupRebalanceStrategy": "Sticky"}, "strategy", "sticky"),
        ({"consumerGroupRebalanceStrategy": "fair"}, "strategy", "range"),
        ({"clientConnectionTopicMetadataRefreshInterval": "3m"}, "metadata_age", 180.0),
        ({"consumerFetchDefault": "4096"}, "fetch_bytes", 4_096),
        ({"consumerfetchdefault": "4096"}, "fetch_bytes", 1_048_576),
        ({"excludeHeaderMetaRegex": "^x-"}, "exclude_headers", re.compile("^x-")),
    ],
)
def test_each_item_is_read(metadata: dict[str, str], field: str, value: object) -> None:
    assert getattr(read(**metadata), field) == value


def test_the_backoff_is_read_as_daprd_does() -> None:
    settings = read(
        backOffPolicy="exponential", backOffInitialInterval="100", backOffMaxInterval="10s",
        backOffMultiplier="3", backOffRandomizationFactor="0", backOffMaxElapsedTime="0",
        backOffMaxRetries="7",
    )  # fmt: skip

    assert settings.retry == RetryPolicy(
        "exponential", initial_interval=0.1, max_interval=10.0, multiplier=3.0, randomization=0.0,
        max_elapsed=0.0, max_retries=7,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("metadata", "protocol", "mechanism"),
    [
        ({"authType": "none"}, "PLAINTEXT", None),
        ({"authType": "None"}, "SSL", None),
        ({"authType": "password", "saslUsername": "u", "saslPassword": "p"}, "SASL_SSL", "PLAIN"),
        (
            {"authType": "Password", "saslUsername": "u", "saslPassword": "p", "disableTls": "true"},
            "SASL_PLAINTEXT",
            "PLAIN",
        ),
        (
            {"authType": "password", "saslUsername": "u", "saslPassword": "p", "saslMechanism": "SHA-512"},
            "SASL_SSL",
            "SCRAM-SHA-512",
        ),
        ({"authType": "certificate", "caCert": PEM}, "SSL", None),
        ({"authType": "mtls", "caCert": PEM, "clientCert": PEM, "clientKey": KEY}, "SSL", None),
        ({"authType": "", "authRequired": "false"}, "PLAINTEXT", None),
        (
            {"authType": "", "authRequired": "true", "saslUsername": "u", "saslPassword": "p"},
            "SASL_SSL",
            "PLAIN",
        ),
    ],
)
def test_each_way_of_logging_in(metadata: dict[str, str], protocol: str, mechanism: str | None) -> None:
    security = read(**metadata).security
    assert (security.protocol, security.mechanism) == (protocol, mechanism)


def test_event_hubs() -> None:
    secret = "Endpoint=sb://ns.servicebus.windows.net/;SharedAccessKeyName=n;SharedAccessKey=hush-hush"
    settings = read(
        brokers="ns.servicebus.windows.net:9093", authType="password", saslUsername="$ConnectionString",
        saslPassword=secret, saslMechanism="PLAINTEXT", version="1.0.0",
    )  # fmt: skip

    assert settings.security.protocol == "SASL_SSL"
    assert (settings.security.username, settings.security.password) == ("$ConnectionString", secret)
    assert "hush-hush" not in repr(settings)


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        ({"brokers": ""}, "the metadata item `brokers` is missing or empty"),
        ({"brokers": "kafka"}, "`brokers` has an entry without a port: 'kafka'"),
        ({"brokers": "a:9092,b"}, "without a port: 'b'"),
        ({"brokers": " , "}, "`brokers` names none"),
        ({"authType": ""}, "kafka error: 'authType' attribute was missing or empty"),
        ({"authType": "pasword"}, "invalid value for 'authType' attribute. Did you mean `password`?"),
        (
            {"authType": "oidc"},
            "`authType: oidc` is not served by this sidecar. Run the app with",
        ),
        ({"authType": "awsIAM"}, "`authType: awsIAM` is not served"),
        ({"authType": "", "authRequired": "maybe"}, "invalid value for 'authRequired'"),
        ({"authType": "password"}, "missing SASL Username for authType 'password'"),
        ({"authType": "password", "saslUsername": "u"}, "missing SASL Password for authType 'password'"),
        ({"authType": "certificate"}, "missing CA certificate property 'caCert'"),
        ({"authType": "certificate", "caCert": "/ca.pem"}, "not the name of its file"),
        ({"authType": "mtls", "clientCert": PEM}, "clientKey or clientCert is missing"),
        (
            {"authType": "mtls", "clientCert": PEM, "clientKey": KEY, "disableTls": "true"},
            "cannot configure mTLS authentication when TLSDisable is 'true'",
        ),
        (
            {"initialOffset": "earliest"},
            "kafka error: invalid initialOffset: earliest. Write `newest`, `oldest`.",
        ),
        ({"compression": "brotli"}, "kafka error: invalid compression: brotli"),
        ({"version": "latest"}, "kafka error: invalid kafka version"),
        ({"maxMessageBytes": "1MB"}, "`maxMessageBytes` must be a whole number"),
        ({"sessionTimeout": "long"}, "`sessionTimeout` is not a duration"),
        ({"backOffPolicy": "linear"}, "unexpected back off policy type: linear"),
        ({"backOffDuration": "long"}, "`backOffDuration` is not a duration"),
        ({"backOffMultiplier": "much"}, "`backOffMultiplier` is not a number"),
        ({"excludeHeaderMetaRegex": "("}, "`excludeHeaderMetaRegex` is not a regular expression"),
    ],
)
def test_what_is_refused_and_why(metadata: dict[str, str], reason: str) -> None:
    assert reason in str(refused(**metadata))


def test_no_secret_is_in_an_error() -> None:
    error = refused(authType="mtls", clientCert="hush-cert", clientKey="hush-key")
    assert "hush" not in f"{error} {error!r}"


@pytest.mark.parametrize(
    ("metadata", "warning"),
    [
        ({"initialoffset": "oldest"}, "reads this item only as `initialOffset`"),
        ({"authType": "NONE"}, "only `none` in lower case is without"),
        (
            {"schemaRegistryURL": "http://x"},
            "daprd knows `schemaRegistryURL` of a pubsub.kafka, this sidecar",
        ),
        (
            {"authType": "password", "saslUsername": "u", "saslPassword": "p", "saslMechanism": "SHA512"},
            "`saslMechanism: SHA512` is taken for PLAIN, as by daprd. Did you mean `SHA-512`?",
        ),
        ({"authType": "", "authRequired": "false"}, "AuthRequired is deprecated"),
        ({"consumerGroupRebalanceStrategy": "fair"}, "Invalid consumer group rebalance strategy: fair"),
    ],
)
def test_what_is_taken_with_a_warning(metadata: dict[str, str], warning: str) -> None:
    given = properties(**{"brokers": "x:1", "authType": "none", **metadata})
    read_settings(given, "app")
    findings = [*given.findings, *METADATA.findings(given.component)]
    assert any(warning in str(finding) for finding in findings)


def test_what_is_served_and_what_is_not_are_told_apart() -> None:
    assert not {name.lower() for name in METADATA.served} & {name.lower() for name in METADATA.unserved}


@pytest.mark.anyio
async def test_a_misspelled_item_gets_the_near_name_and_an_unserved_one_does_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    items = {"broker": "x:1", "oidcClientID": "id", "authType": "none"}
    component = Component(
        "k", "pubsub.kafka", metadata=tuple(MetadataItem(*item) for item in items.items()), line=1
    )
    with pytest.raises(ComponentInitFailed, match="the metadata item `brokers` is missing"):
        async with open_components([component], ComponentContext("app")):
            pass

    said = " ".join(caplog.messages)
    assert "no metadata item `broker`: it is ignored. Did you mean `brokers`?" in said
    assert "daprd knows `oidcClientID` of a pubsub.kafka" in said
    assert "no metadata item `oidcClientID`" not in said
