"""What becomes of events when the sidecar ends in the middle of their delivery."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from conformance.question import (
    AppAnswer,
    Ask,
    Close,
    Entries,
    Fail,
    Group,
    Hang,
    Late,
    Question,
    answered,
    ask,
    responds,
    subscribed,
)
from conformance.questions.files import component, documents, resiliency
from outboard.gojson.values import Json

__all__ = ["STOPS", "Stop"]

JSON = "application/json"
FILES = {
    "pubsubs.yaml": documents(
        component("ps", "pubsub.in-memory"),
        component("retrying", "pubsub.in-memory"),
        component("pausing", "pubsub.in-memory"),
        component("mem", "state.in-memory"),
    ),
    "resiliency.yaml": resiliency(
        "policies",
        {
            "retries": {
                "twice": {"policy": "constant", "duration": "20ms", "maxRetries": 2},
                "later": {"policy": "constant", "duration": "20s", "maxRetries": 2},
            }
        },
        {"retrying": {"inbound": {"retry": "twice"}}, "pausing": {"inbound": {"retry": "later"}}},
    ),
}
BULK: Mapping[str, Json] = {"enabled": True, "maxMessagesCount": 10, "maxAwaitDurationMs": 20}


@dataclass(frozen=True, slots=True)
class Stop:
    """Make `asks`, wait until the app has got the first delivery, end the sidecar so, and see what follows.

    `meanwhile` is asked when the sidecar was told to end. `restarts`: it is started again, beside the same
    app. Compared are the answers, all that the app got at the topic and at its dead letter topic, and the
    exit code.
    """

    name: str
    answers: tuple[AppAnswer, ...]
    how: Literal["term", "interrupt", "kill", "api", "twice"] = "term"
    pubsub: str = "ps"
    events: int = 1
    bulk: bool = False
    grpc: bool = False
    flags: tuple[str, ...] = ()
    meanwhile: tuple[Ask, ...] = ()
    restarts: bool = False

    @property
    def rows(self) -> tuple[str, ...]:
        return ("shutdown: in the middle of deliveries", "shutdown: signals")

    @property
    def paths(self) -> tuple[str, str]:
        return "/events", "/dead"

    @property
    def asks(self) -> tuple[Ask, ...]:
        where = f"/v1.0/publish/{self.pubsub}/events"
        return tuple(ask("POST", where, {"n": n}, content_type=JSON) for n in range(self.events))

    @property
    def group(self) -> Group:
        more: dict[str, Json] = {"bulkSubscribe": dict(BULK)} if self.bulk else {}
        topics = (
            subscribed("events", "", pubsub=self.pubsub, deadLetterTopic="dead", **more),
            subscribed("dead", pubsub=self.pubsub),
        )
        question = Question(f"stop-{self.name}", self.rows, self.asks, topics)
        return Group(f"stop-{self.name}", (question,), FILES, self.flags, grpc=self.grpc)


SOON = ("--dapr-graceful-shutdown-seconds=2",)
MEANWHILE = (
    ask("POST", "/v1.0/publish/ps/other", {"n": 1}, content_type=JSON),
    ask("POST", "/v1.0/state/mem", [{"key": "k", "value": 1}], content_type=JSON),
    ask("GET", "/v1.0/healthz/outbound"),
)
BLOCKED = ("--dapr-block-shutdown-duration=2s",)

STOPS = (
    Stop("success", (Late(responds(200)),)),
    Stop("interrupted", (Late(responds(200)),), "interrupt"),
    Stop("api", (Late(responds(200)),), "api"),
    Stop("refused", (Late(responds(500)),)),
    Stop("retry", (Late(answered("RETRY")),)),
    Stop("drop", (Late(answered("DROP")),)),
    Stop("closed", (Late(Close()),)),
    Stop("policy", (Late(responds(500)), responds(200)), pubsub="retrying"),
    Stop("policy-spent", (Late(responds(500)),) + (responds(500),) * 5, pubsub="retrying"),
    Stop("pause-of-policy", (responds(500),) * 5, pubsub="pausing", flags=SOON),
    Stop("hang", (Hang(),), flags=SOON),
    Stop("hang-twice", (Hang(),), "twice"),
    Stop("killed", (Hang(),), "kill", restarts=True),
    Stop("killed-late", (Late(responds(200)),), "kill", restarts=True),
    Stop("restarted", (Late(responds(500)),), restarts=True),
    Stop("batch", (Late(Entries(("SUCCESS",))),), bulk=True),
    Stop("batch-refused", (Late(Entries(("RETRY",))),), bulk=True),
    Stop("batch-drop", (Late(Entries(("DROP",))),), bulk=True),
    Stop("batch-hang", (Hang(),), bulk=True, flags=SOON),
    Stop("block", (Late(responds(200)),), flags=BLOCKED),
    Stop("block-refused", (Late(responds(500)),), flags=BLOCKED),
    Stop("block-drop", (Late(answered("DROP")),), flags=BLOCKED),
    Stop("queued", (Late(responds(200)),), events=2),
    Stop("grpc", (Late(responds(200)),), grpc=True),
    Stop("grpc-refused", (Late(Fail("INTERNAL")),), grpc=True),
    Stop("grpc-retry", (Late(answered("RETRY")),), grpc=True),
    Stop("grpc-drop", (Late(answered("DROP")),), grpc=True),
    Stop("grpc-policy", (Late(Fail("INTERNAL")), responds(200)), pubsub="retrying", grpc=True),
    Stop("grpc-pause", (Fail("INTERNAL"),) * 5, pubsub="pausing", grpc=True, flags=SOON),
    Stop("grpc-hang", (Hang(),), grpc=True, flags=SOON),
    Stop("grpc-batch", (Late(Entries(("SUCCESS",))),), bulk=True, grpc=True),
    Stop("grpc-block", (Late(responds(200)),), grpc=True, flags=BLOCKED),
    Stop("grpc-block-refused", (Late(Fail("INTERNAL")),), grpc=True, flags=BLOCKED),
    Stop("grpc-block-publishes", (Late(responds(200)),), grpc=True, flags=BLOCKED, meanwhile=MEANWHILE),
    Stop("block-publishes", (Late(responds(200)),), flags=BLOCKED, meanwhile=MEANWHILE),
)
