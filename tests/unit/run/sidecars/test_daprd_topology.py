from __future__ import annotations

from typing import Any

import pytest

from outboard.resources.left_out import LeftOut
from outboard.run.output.events import Topology
from outboard.run.sidecars.daprd_topology import topology_from

METADATA: Any = {
    "components": [{"name": "pubsub", "type": "pubsub.kafka", "version": "v1"}],
    "subscriptions": [
        {"pubsubname": "pubsub", "topic": "a", "rules": [{"path": "/a"}], "deadLetterTopic": "a-dead"},
        {"pubsubname": "other", "topic": "b", "rules": [{"path": "/b"}]},
    ],
}


def test_what_is_loaded_is_taken_and_the_rest_has_a_reason() -> None:
    left = [LeftOut("other", "pubsub.redis", "its scopes are [x]"), LeftOut("pubsub", "pubsub.redis", "y")]
    told = topology_from("api", METADATA, left)
    ((taken,), (missing,)) = told.topics, told.not_taken
    assert (taken.topic, taken.routes, taken.dead_letter_topic) == ("a", ("/a",), "a-dead")
    assert missing.problem.endswith("pub/sub component 'other' is left out: its scopes are [x]")
    assert [each.name for each in told.left_out] == ["other"]


def test_without_a_reason_it_is_just_not_loaded() -> None:
    (missing,) = topology_from("api", METADATA, []).not_taken
    assert missing.problem.endswith("pub/sub component 'other' is not loaded")


@pytest.mark.parametrize("answer", [{}, {"components": 7}, {"subscriptions": [1]}])
def test_any_answer_can_be_read(answer: Any) -> None:
    assert topology_from("api", answer, []) == Topology("api")
