from __future__ import annotations

from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.sqlite.log.settings import METADATA, LogSettings, read_settings


def properties(**items: str) -> Properties:
    given = {"connectionString": "events.db", "consumerID": "app", **items}
    metadata = tuple(
        MetadataItem(name, value, line=line) for line, (name, value) in enumerate(given.items(), 5)
    )
    component = Component("log", "pubsub.sqlite", metadata=metadata, path=Path("log.yaml"), line=1)
    return Properties(component, {name.lower(): value for name, value in given.items()})


def test_the_defaults() -> None:
    assert read_settings(properties()) == LogSettings(Path("events.db"), "app")
    settings = LogSettings(Path("events.db"), "app")
    assert (settings.initial_offset, settings.retention_bytes, settings.retry) == (
        "oldest",
        2**30,
        RetryPolicy(),
    )


def test_every_item_is_read() -> None:
    items = {
        "consumerGroup": "group", "initialOffset": "NEWEST", "partitions": "4", "retention": "24h",
        "retentionBytes": "500Mi", "heartbeatInterval": "1", "sessionTimeout": "4s", "busyTimeout": "100ms",
        "backOffPolicy": "exponential", "backOffDuration": "100", "backOffInitialInterval": "1s",
        "backOffMaxInterval": "2m", "backOffMultiplier": "2", "backOffRandomizationFactor": "0",
        "backOffMaxElapsedTime": "0", "backOffMaxRetries": "7",
    }  # fmt: skip
    assert {"connectionString", *items} == set(METADATA.served)

    assert read_settings(properties(**items)) == LogSettings(
        Path("events.db"), "group", 0.1, "newest", 4, 86_400, 500 * 2**20, 1, 4,
        RetryPolicy("exponential", 0.1, 1, 120, 2, 0, 0, 7),
    )  # fmt: skip


def test_the_group_is_chosen_as_kafkas() -> None:
    assert read_settings(properties(consumerGroup="g", consumerID="id")).group == "g"
    assert read_settings(properties(consumerID="id")).group == "id"


@pytest.mark.parametrize(
    "text", ["file:/data/events.db", "file:///data/events.db", "file://localhost/data/events.db"]
)
def test_a_file_uri_is_a_path(text: str) -> None:
    assert read_settings(properties(connectionString=text)).path == Path("/data/events.db")


def test_no_retries_and_endless_retries() -> None:
    assert read_settings(properties(backOffMaxRetries="0")).retry.max_retries == 0
    assert read_settings(properties(backOffMaxRetries="-1")).retry.max_retries == -1


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("connectionString", ":memory:", "names no file"),
        ("connectionString", "file::memory:?cache=shared", "names no file"),
        ("connectionString", "file:e.db?mode=ro", "takes the path only"),
        ("initialOffset", "latest", "is neither `oldest` nor `newest`"),
        ("partitions", "0", "from 1 to 1,000"),
        ("partitions", "1001", "from 1 to 1,000"),
        ("partitions", "x", "whole number"),
        ("busyTimeout", "-1s", "must not be below 0"),
        ("retention", "soon", "is not a duration"),
        ("retention", "-5s", "must not be below 0"),
        ("retentionBytes", "much", "is not a size"),
        ("retentionBytes", "1Ki", "is too small"),
        ("heartbeatInterval", "0", "must be above 0"),
        ("sessionTimeout", "3s", "must be longer than `heartbeatInterval`"),
        ("backOffPolicy", "linear", "unexpected back off policy type"),
        ("backOffDuration", "5 seconds", "is not a duration"),
        ("backOffMultiplier", "twice", "is not a number"),
        ("backOffMaxRetries", "1.5", "whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_without_its_value(name: str, value: str, said: str) -> None:
    items = properties(**{name: value})
    line = next(item.line for item in items.component.metadata if item.name == name)

    with pytest.raises(ComponentInitFailed) as raised:
        read_settings(items)

    assert said in str(raised.value)
    assert f"log.yaml:{line}" in str(raised.value)


def test_without_a_file_there_is_no_log() -> None:
    with pytest.raises(ComponentInitFailed, match="`connectionString` is missing or empty"):
        read_settings(properties(connectionString=""))
