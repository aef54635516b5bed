"""`outboard doctor` on set-ups with a real Redis, behind Outboard's sidecar."""

from __future__ import annotations

import json
from pathlib import Path

from support.broken import SetUp
from support.doctoring import codes, doctor, made, running
from support.redis import RedisServer

REDIS = """\
apiVersion: dapr.io/v1alpha1
kind: Component
metadata: {{name: pubsub}}
spec: {{type: pubsub.redis, version: v1, metadata: [{{name: redisHost, value: "{address}"}}]}}
"""


def test_what_is_intact_passes(redis: RedisServer, tmp_path: Path) -> None:
    topic = f"jobs-{tmp_path.name}"
    files = {"pubsub.yaml": REDIS.format(address=redis.address)}
    setup = SetUp("", "", {"TOPICS": topic}, files, publish=(topic, topic))
    with running(setup, made(setup, tmp_path), None):
        code, told = doctor(tmp_path)
    assert (code, codes(told, "failed")) == (0, set()), json.dumps(told, indent=1)
    assert {"broker-reachable", "group-members", "group-moves", "event-format"} <= codes(told, "passed")


def test_a_server_that_has_gone_is_told(own_redis: RedisServer, tmp_path: Path) -> None:
    files = {"pubsub.yaml": REDIS.format(address=own_redis.address)}
    setup = SetUp("", "", {"TOPICS": "jobs"}, files)
    with running(setup, made(setup, tmp_path), None):
        own_redis.stop()
        code, told = doctor(tmp_path)
    assert (code, codes(told, "failed")) == (1, {"broker-reachable"}), json.dumps(told, indent=1)
