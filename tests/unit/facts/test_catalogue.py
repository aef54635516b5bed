"""The facts: what is known of a type, with what is corrected."""

from __future__ import annotations

import pytest

from outboard.facts.annotations import ANNOTATIONS, CHOICES, FORMER, PROBE_DEFAULTS
from outboard.facts.catalogue import ComponentFacts
from outboard.facts.corrections import ANONYMOUS, CASE_SENSITIVE, NOT_REQUIRED, OTHER_NAMES
from outboard.facts.reading import catalogue


def facts(name: str, version: str = "v1") -> ComponentFacts:
    found = catalogue().find(name, version)
    assert found is not None
    return found


def test_a_field_is_known_whatever_its_case() -> None:
    field = facts("pubsub.kafka").field("BROKERS")
    assert field is not None
    assert (field.name, field.type, field.required) == ("brokers", "string", True)


def test_a_field_has_what_any_profile_allows() -> None:
    field = facts("pubsub.kafka").field("authType")
    assert field is not None
    assert {"none", "password", "mtls", "certificate", "oidc", "awsiam"} <= set(field.allowed)


@pytest.mark.parametrize(
    "name", ["consumerID", "publishingScopes", "allowedTopics", "backOffDuration", "authRequired"]
)
def test_what_the_facts_leave_out_is_known(name: str) -> None:
    assert facts("pubsub.kafka").field(name) is not None


@pytest.mark.parametrize("name", ["keyPrefix", "actorStateStore", "outboxPublishTopic"])
def test_a_state_store_takes_more(name: str) -> None:
    assert facts("state.redis").field(name) is not None


def test_other_names_of_fields() -> None:
    assert facts("state.azure.blobstorage").field("storageAccount") is not None
    assert facts("state.redis").field("storageAccount") is None


@pytest.mark.parametrize(("asked", "version"), [("v1", "v1"), ("", "v1"), ("v0", "v1"), ("V2", "v2")])
def test_versions(asked: str, version: str) -> None:
    assert facts("state.postgresql", asked).version == version


def test_what_is_not_known() -> None:
    assert catalogue().find("state.rediss") is None
    assert catalogue().find("state.redis", "v2") is None
    assert not catalogue().is_known("state.rediss")
    assert catalogue().versions("state.rediss") == ()


@pytest.mark.parametrize(
    "name", ["middleware.http.bearer", "secretstores.aws.secretmanager", "State.Redis", "pubsub.sqlite"]
)
def test_types_by_the_names_that_daprd_has(name: str) -> None:
    assert catalogue().is_known(name)


def test_corrections_are_of_types_that_there_are() -> None:
    types = set(catalogue().types)
    assert types >= {*NOT_REQUIRED, *ANONYMOUS, *CASE_SENSITIVE}
    assert types >= {name for name in OTHER_NAMES.values() if name}


def test_annotations() -> None:
    assert len(ANNOTATIONS) == 64
    assert set(CHOICES) <= set(ANNOTATIONS)
    assert set(PROBE_DEFAULTS) <= set(ANNOTATIONS)
    assert not set(FORMER) & set(ANNOTATIONS)
