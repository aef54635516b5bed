"""The `backOff...` items mean the same in every component that has them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from outboard.errors import ComponentInitFailed
from outboard.resources.component import Component, MetadataItem
from outboard.resources.resiliency import RetryPolicy
from outboard.sidecar.components.kafka import settings_reader as reading
from outboard.sidecar.components.metadata.backoff import METADATA, read_backoff, read_pause
from outboard.sidecar.components.metadata.properties import Properties
from outboard.sidecar.components.sqlite.log import settings


def properties(**items: str) -> Properties:
    metadata = tuple(
        MetadataItem(name, value, line=line) for line, (name, value) in enumerate(items.items(), 5)
    )
    component = Component("ps", "pubsub.kafka", metadata=metadata, path=Path("ps.yaml"), line=1)
    return Properties(component, {name.lower(): value for name, value in items.items()})


def read(**items: str) -> RetryPolicy:
    given = properties(**items)
    return read_backoff(given, given.string)


def test_without_items_it_is_tried_again_every_five_seconds_for_ever() -> None:
    assert read() == RetryPolicy("constant", 5.0, max_retries=-1)


@pytest.mark.parametrize(
    ("items", "retry"),
    [
        ({"backOffPolicy": " Exponential "}, RetryPolicy("exponential")),
        ({"backOffDuration": "250"}, RetryPolicy(duration=0.25)),
        ({"backOffDuration": "1m30s"}, RetryPolicy(duration=90.0)),
        ({"backOffMaxElapsedTime": "0"}, RetryPolicy(max_elapsed=0.0)),
        ({"backOffRandomizationFactor": "0.25"}, RetryPolicy(randomization=0.25)),
        ({"backOffMaxRetries": "0"}, RetryPolicy(max_retries=0)),
        ({"backOffMaxRetries": "+3"}, RetryPolicy(max_retries=3)),
        ({"backOffMaxRetries": "-7"}, RetryPolicy(max_retries=-1)),
    ],
)
def test_each_item_is_read_as_daprd_does(items: Mapping[str, str], retry: RetryPolicy) -> None:
    assert read(**items) == retry


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("backOffPolicy", "linear", "unexpected back off policy type: linear. Write `constant`"),
        ("backOffMaxInterval", "5 seconds", "is not a duration. Write for instance `500ms`"),
        ("backOffMaxInterval", "\u0665", "is not a duration"),
        ("backOffMultiplier", "twice", "is not a number"),
        ("backOffMultiplier", "nan", "is not a number"),
        ("backOffMaxRetries", "1.5", "must be a whole number. -1 is for ever"),
        ("backOffMaxRetries", "1" * 19, "must be a whole number"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(name: str, value: str, said: str) -> None:
    with pytest.raises(ComponentInitFailed) as raised:
        read(backOffDuration="1s", **{name: value})

    assert said in str(raised.value)
    assert "ps.yaml:6" in str(raised.value)


def test_a_component_may_see_fewer_items_than_there_are() -> None:
    given = properties(backOffDuration="1s")

    assert read_backoff(given, lambda name: "") == RetryPolicy()
    assert read_pause(given, given.string, "backOffDuration", 5.0) == 1.0


def test_the_components_that_have_them_have_all() -> None:
    assert set(METADATA) <= set(reading.METADATA.served)
    assert set(METADATA) <= set(settings.METADATA.served)
