"""What is not served answers as daprd without the component or service for it."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from outboard.gojson.values import Json
from outboard.resources.loader import Resources
from support.sidecars import Answer, Hops, call, component, sidecar_for

pytestmark = pytest.mark.anyio

STORES = Resources(
    (component("mem", "state.in-memory"), component("sq", "state.sqlite", connectionString=":memory:"))
)
PLACEMENT = (400, "ERR_ACTOR_NO_PLACEMENT", "placement service is not configured")
CONFIGURATION = (500, "ERR_CONFIGURATION_STORE_NOT_CONFIGURED", "configuration stores not configured")
CRYPTO = (500, "ERR_CRYPTO_PROVIDERS_NOT_CONFIGURED", "crypto providers not configured")
SUBTLE = (501, "ERR_API_UNIMPLEMENTED", "this API is currently not implemented")
LOCK = (500, "ERR_LOCK_STORE_NOT_CONFIGURED", "lock store is not configured")
UNREADABLE = "failed deserializing HTTP body: "
NOT_PROTO = (400, "ERR_MALFORMED_REQUEST", f"{UNREADABLE}proto: syntax error (line 1:1): invalid value x")
NOT_JSON = (400, "ERR_MALFORMED_REQUEST", f"{UNREADABLE}invalid character 'x' looking for beginning of value")


async def asked(
    method: str, path: str, body: bytes | Json = b"", resources: Resources = STORES,
    headers: Mapping[str, str] | None = None,
) -> Answer:  # fmt: skip
    async with sidecar_for(None, resources, Hops()).running() as running:
        return await call(running.api, method, path, body, **(headers or {}))


async def test_the_log_tells_of_the_first_call_of_each_kind(caplog: pytest.LogCaptureFixture) -> None:
    async with sidecar_for(None, STORES, Hops()).running() as running:
        for path in ("/v1.0/actors/t/1/state/k", "/v1.0/jobs/j") * 2:
            await call(running.api, "GET", path, b"")
    said = [record.getMessage() for record in caplog.records if "does not serve" in record.getMessage()]
    assert [text.partition(" (")[0] for text in said] == [
        "the app calls actors",
        "the app calls jobs",
    ]
    assert all("`outboard run --engine daprd` does" in text for text in said)


def told(answer: Answer) -> tuple[int, str, str]:
    return answer.status, answer.json["errorCode"], answer.json["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "/v1.0/bindings/b", {"operation": "create"},
         (500, "ERR_INVOKE_OUTPUT_BINDING",
          "error invoking output binding b: couldn't find output binding b")),
        ("PUT", "/v1.0/bindings/b", b"x", NOT_JSON),
        ("POST", "/v1.0/bindings/b", b"", (400, "ERR_MALFORMED_REQUEST", f"{UNREADABLE}EOF")),
        ("GET", "/v1.0/configuration/s", b"", CONFIGURATION),
        ("GET", "/v1.0-alpha1/configuration/s/subscribe", b"", CONFIGURATION),
        ("GET", "/v1.0/configuration/s/id/unsubscribe", b"", CONFIGURATION),
        ("POST", "/v1.0-alpha1/lock/s", {"resourceId": "a", "lockOwner": "b", "expiryInSeconds": 3}, LOCK),
        ("POST", "/v1.0-alpha1/lock/s", b"",
         (400, "ERR_MALFORMED_REQUEST", "ExpiryInSeconds is not positive in lock store s")),
        ("POST", "/v1.0-alpha1/lock/s", b"x", NOT_PROTO),
        ("POST", "/v1.0-alpha1/unlock/s", {}, LOCK),
        ("PUT", "/v1.0-alpha1/crypto/c/encrypt", b"x", CRYPTO),
        ("PUT", "/v1.0-alpha1/crypto/c/decrypt", b"x", CRYPTO),
        ("POST", "/v1.0-alpha1/subtlecrypto/c/sign", {}, SUBTLE),
        ("POST", "/v1.0-alpha1/subtlecrypto/c/getkey", b"x", NOT_PROTO),
        ("POST", "/v1.0-alpha2/conversation/c/converse", {},
         (400, "ERR_CONVERSATION_NOT_FOUND", "failed finding conversation component c")),
        ("POST", "/v1.0-alpha1/conversation/c/converse", b"x", NOT_PROTO),
        ("GET", "/v1.0/workflows/dapr/i", b"", PLACEMENT),
        ("POST", "/v1.0-beta1/workflows/dapr/i/raiseEvent/e", {}, PLACEMENT),
        ("POST", "/v1.0-alpha1/workflows/dapr/w/start", {}, PLACEMENT),
        ("DELETE", "/v1.0/actors/t/1/method/m", b"", PLACEMENT),
        ("PUT", "/v1.0/actors/t/1/state", [], PLACEMENT),
        ("POST", "/v1.0/actors/t/1/state", b"x", NOT_JSON),
        ("POST", "/v1.0/actors/t/1/timers/r", b"x", NOT_JSON),
        ("GET", "/v1.0/actors/t/1/reminders/r", b"", PLACEMENT),
        ("POST", "/v1.0/jobs/j", b"x", NOT_PROTO),
        ("POST", "/v1.0/lock/s", {}, (404, "ERR_DIRECT_INVOKE",
         "failed getting app id either from the URL path or the header dapr-app-id")),
    ],
)  # fmt: skip
async def test_answers(method: str, path: str, body: bytes | Json, error: tuple[int, str, str]) -> None:
    assert told(await asked(method, path, body)) == error


@pytest.mark.parametrize(
    ("method", "body", "status", "reason", "message"),
    [
        ("POST", {}, 400, "SCHEDULE_EMPTY", "Schedule is empty"),
        ("POST", {"dueTime": "1s"}, 500, "SCHEDULE_JOB",
         "failed to schedule job due to: scheduler clients are disabled"),
        ("GET", b"", 500, "GET_JOB", "failed to get job due to: scheduler clients are disabled"),
        ("DELETE", b"", 500, "DELETE_JOB", "failed to delete job due to: scheduler clients are disabled"),
    ],
)  # fmt: skip
async def test_jobs(method: str, body: bytes | Json, status: int, reason: str, message: str) -> None:
    answer = await asked(method, "/v1.0-alpha1/jobs/j", body)
    assert told(answer) == (status, f"DAPR_SCHEDULER_{reason}", message)
    assert answer.json["details"] == [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "domain": "dapr.io",
            "metadata": {"appID": "api", "namespace": "default"},
            "reason": f"DAPR_SCHEDULER_{reason}",
        }
    ]


@pytest.mark.parametrize(
    ("path", "headers", "app_id"),
    [
        ("/v1.0/invoke/other/method/do?x=1", {}, "other"),
        ("/v1.0/invoke/a%2Fb/method/", {}, "a/b"),
        ("/anything", {"dapr_app_id": "other"}, "other"),
        ("/anything", {"authorization": "Basic ZGFwci1hcHAtaWQ6b3RoZXI="}, "other"),
    ],
)
async def test_calls_to_apps_that_nobody_knows(path: str, headers: dict[str, str], app_id: str) -> None:
    status, code, message = told(await asked("POST", path, b"", headers=headers))
    assert (status, code) == (500, "ERR_DIRECT_INVOKE")
    assert message == f"failed to invoke, id: {app_id}, err: no host found with the given ID"


@pytest.mark.parametrize("path", ["/v1.0/invoke/api", "/v1.0/invoke//method/x", "/v1.0/invoke/api/x/y"])
@pytest.mark.parametrize("authorization", ["", "Basic ?", "Basic dXNlcjpwYXNz", "Bearer x"])
async def test_a_call_that_names_no_app(path: str, authorization: str) -> None:
    assert told(await asked("GET", path, headers={"authorization": authorization}))[:2] == (
        404,
        "ERR_DIRECT_INVOKE",
    )


async def test_a_call_to_an_app_that_is_not_there() -> None:
    message = "failed to invoke, id: api, err: cannot invoke local endpoint: app channel not initialized"
    assert told(await asked("GET", "/v1.0/invoke/api/method/x")) == (500, "ERR_DIRECT_INVOKE", message)


@pytest.mark.parametrize("store", ["mem", "sq"])
async def test_a_store_that_cannot_be_queried(store: str) -> None:
    answer = await asked("POST", f"/v1.0-alpha1/state/{store}/query", b"whatever")
    assert told(answer) == (500, "ERR_STATE_STORE_NOT_SUPPORTED", "state store does not support querying")
    assert [detail.get("resource_name", detail.get("reason")) for detail in answer.json["details"]] == [
        store,
        "DAPR_STATE_QUERYING_NOT_SUPPORTED",
    ]


async def test_a_query_of_a_store_that_is_not_there() -> None:
    unknown = await asked("PUT", "/v1.0-alpha1/state/nope/query", {})
    none = await asked("PUT", "/v1.0-alpha1/state/nope/query", {}, Resources())
    assert told(unknown) == (400, "ERR_STATE_STORE_NOT_FOUND", "state store nope is not found")
    assert unknown.json["details"][0]["metadata"] is None
    assert told(none) == (500, "ERR_STATE_STORE_NOT_CONFIGURED", "state store nope is not configured")
