"""The components on the page about Kafka can be set up as they stand there."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from outboard.sidecar.components.kafka.settings_reader import METADATA, read_settings
from support.kafka_component import properties
from support.pages import blocks

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "kafka.md"
FILES = {block.title: yaml.safe_load(block.text) for block in blocks(PAGE) if block.kind == "yaml"}
SECRETS = {"caCert": "-----BEGIN CERTIFICATE-----\n", "saslPassword": "Endpoint=sb://x/;SharedAccessKey=y"}


@pytest.mark.parametrize("title", FILES)
def test_a_component_of_the_page_is_understood(title: str) -> None:
    items = {
        item["name"]: item.get("value", SECRETS.get(item["name"]))
        for item in FILES[title]["spec"]["metadata"]
    }

    assert set(items) <= set(METADATA.served)
    given = properties(**items)
    assert read_settings(given, "app").brokers
    assert given.findings == []


def test_event_hubs_has_tls_and_a_password() -> None:
    security = FILES["components/event-hubs.yaml"]["spec"]["metadata"]
    assert {"name": "saslUsername", "value": "$ConnectionString"} in security


def test_what_is_not_served_is_not_recommended() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert not [name for name in METADATA.unserved if f"name: {name}\n" in text]
