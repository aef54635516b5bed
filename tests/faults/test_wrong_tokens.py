"""Tokens that are missing, wrong or doubled, and requests that pretend to be events: refused, and told."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from faults.sidecars import READY, RETRY, Beside, component, daprd_beside, sidecar_beside
from outboard import Outboard
from outboard.errors import SettingInvalid, TokenRejected
from support.processes import Program, eventually, free_ports, running

SERVICE = Path(__file__).with_name("service.py")
TOKEN = "the-right-token"
WRONG = "the-wrong-token"
RESOURCES = {
    "pubsub.yaml": component(backlog="100"),
    "statestore.yaml": component("statestore", "state.in-memory"),
}
SUBSCRIPTION = """\
apiVersion: dapr.io/v2alpha1
kind: Subscription
metadata: {name: orders}
spec:
  pubsubname: pubsub
  topic: orders
  routes: {default: /orders}
"""

EVENT = {"content-type": "application/cloudevents+json"}
HEADERS = {
    "missing": [],
    "wrong": [WRONG.encode()],
    "empty": [b""],
    "beginning": [TOKEN[:-1].encode()],
    "more": [TOKEN.encode() + b"x"],
    "other case": [TOKEN.upper().encode()],
    "twice in one": [f"{TOKEN}, {TOKEN}".encode()],
    "wrong, then right": [WRONG.encode(), TOKEN.encode()],
    "non-ASCII": ["the-right-tökén".encode()],
    "bytes": [b"\xff\xfe\x80"],
}


def token_headers(values: list[bytes]) -> list[tuple[bytes, bytes]]:
    return [(b"dapr-api-token", value) for value in values]


# The sidecar's token


@pytest.fixture(scope="module", params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def guarded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    folder = tmp_path_factory.mktemp("guarded")
    if request.param == "daprd":
        executable: Path = request.getfixturevalue("daprd")
        starting = daprd_beside(executable, folder, RESOURCES, DAPR_API_TOKEN=TOKEN)
    else:
        starting = sidecar_beside(folder, RESOURCES, "--enable-api-logging", DAPR_API_TOKEN=TOKEN)
    with starting as sidecar:
        yield sidecar
        assert TOKEN not in sidecar.program.output
        assert WRONG not in sidecar.program.output
        assert "Traceback" not in sidecar.program.output


@pytest.mark.parametrize("given", HEADERS.values(), ids=HEADERS)
def test_the_sidecar_does_nothing_without_its_token(guarded: Beside, given: list[bytes]) -> None:
    headers = token_headers(given)
    right = {"dapr-api-token": TOKEN}
    assert guarded.http.post(
        "/v1.0/state/statestore", json=[{"key": "kept", "value": 1}], headers=right
    ).is_success

    answers = [
        guarded.http.delete("/v1.0/state/statestore/kept", headers=headers),
        guarded.http.post("/v1.0/publish/pubsub/orders", json={}, headers=headers),
        guarded.http.get("/v1.0/metadata", headers=headers),
        guarded.http.post("/v1.0/shutdown", headers=headers),
        guarded.http.post("/v1.0/no/such/path", headers=headers),
    ]

    assert {(answer.status_code, answer.text) for answer in answers} == {(401, "invalid api token\n")}
    assert guarded.http.get("/v1.0/state/statestore/kept", headers=right).json() == 1


def test_whether_the_sidecar_is_well_is_no_secret(guarded: Beside) -> None:
    assert guarded.http.get("/v1.0/healthz").status_code == 204
    assert guarded.http.get("/v1.0/healthz/outbound").status_code == 204


@pytest.mark.anyio
@pytest.mark.parametrize("token", [None, WRONG])
async def test_the_author_is_told_of_a_wrong_token_but_not_the_token(
    guarded: Beside, protocol: str, token: str | None, caplog: pytest.LogCaptureFixture
) -> None:
    port = guarded.port_of(protocol)
    variables = {"DAPR_API_PROTOCOL": protocol, f"DAPR_{protocol.upper()}_PORT": str(port)}
    variables |= {"DAPR_API_TOKEN": token} if token else {}
    board = Outboard(environ=variables)
    async with board.connected():
        for operation in (board.publish("orders", {"number": 1}), board.state().get("cart")):
            with pytest.raises(TokenRejected) as caught:
                await operation
            assert caught.value.address == f"{protocol}://127.0.0.1:{port}"
            assert str(caught.value) == (
                f"the sidecar at {protocol}://127.0.0.1:{port} refused the API token: DAPR_API_TOKEN of "
                "this process must be the one that the sidecar was started with."
            )
    assert WRONG not in caplog.text + repr(board.settings) + repr(caught.value)


def test_a_token_that_no_header_can_hold_is_told_without_it() -> None:
    with pytest.raises(SettingInvalid) as caught:
        Outboard(environ={"DAPR_API_TOKEN": f"{WRONG}\n"})

    assert str(caught.value) == (
        "environment variable DAPR_API_TOKEN holds a character that no header may hold (a line end, perhaps)"
    )


# The app's token


def service(folder: Path, port: int, token: str) -> AbstractContextManager[Program]:
    return running([sys.executable, str(SERVICE)], folder, APP_PORT=str(port), APP_API_TOKEN=token)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, httpx.Client]]:
    (port,) = free_ports(1)
    with (
        service(tmp_path_factory.mktemp("app"), port, TOKEN) as program,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=30) as client,
    ):
        eventually(lambda: is_up(client), lambda: program.output, program)
        yield program, client


def is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/healthz").is_success
    except httpx.TransportError:
        return False


def order(number: int) -> bytes:
    whole = {"specversion": "1.0", "id": str(number), "source": "web", "type": "order"}
    return json.dumps({**whole, "data": {"number": number}}).encode()


@pytest.mark.parametrize(
    "given", [*HEADERS.values(), [TOKEN.encode(), TOKEN.encode()]], ids=[*HEADERS, "doubled"]
)
def test_the_app_takes_no_event_without_its_token(
    app: tuple[Program, httpx.Client], given: list[bytes]
) -> None:
    program, client = app
    forged = client.post("/orders", content=order(13), headers=token_headers(given))
    asked = client.get("/dapr/subscribe", headers=token_headers(given))
    right = client.post("/orders", content=order(1), headers={"dapr-api-token": TOKEN, **EVENT})

    assert (forged.status_code, asked.status_code) == (401, 401)
    assert forged.json() == asked.json() == {"error": "the dapr-api-token is missing or wrong"}
    assert right.json() == {"status": "SUCCESS"}
    assert "BEGIN 13" not in program.output
    program.wait_for("a request to /orders was refused: its dapr-api-token is not APP_API_TOKEN")
    assert TOKEN not in program.output
    assert WRONG not in program.output


def test_the_app_takes_no_event_that_another_app_sends_it(app: tuple[Program, httpx.Client]) -> None:
    program, client = app
    headers = {"dapr-api-token": TOKEN, "dapr-caller-app-id": "mallory"}

    answer = client.post("/orders", content=order(13), headers=headers)

    assert answer.status_code == 403
    assert answer.json() == {"error": "events are delivered by pub/sub, not by service invocation"}
    program.wait_for("a request to /orders was refused: it came by service invocation")
    assert "BEGIN 13" not in program.output


@pytest.mark.engine("daprd")
def test_service_invocation_through_daprd_reaches_no_handler(daprd: Path, tmp_path: Path) -> None:
    """What another app's sidecar passes on bears its name. An app that invokes itself cannot be told apart,
    so the token of the sidecar is what keeps strangers from that."""
    (port,) = free_ports(1)
    with (
        service(tmp_path, port, TOKEN) as program,
        daprd_beside(
            daprd, tmp_path, RESOURCES, app_port=port, APP_API_TOKEN=TOKEN, DAPR_API_TOKEN=WRONG
        ) as sidecar,
    ):
        answers = [
            sidecar.http.post("/v1.0/invoke/shop/method/orders", content=order(13), headers=headers)
            for headers in (
                {"dapr-api-token": WRONG, "dapr-caller-app-id": "mallory"},
                {"dapr-api-token": TOKEN},
                {"pubsubname": "pubsub"},
            )
        ]
        right = {"dapr-api-token": WRONG}
        sidecar.http.post("/v1.0/publish/pubsub/orders", json={"number": 1}, headers=right)
        program.wait_for("HANDLED 1")

    assert [answer.status_code for answer in answers] == [403, 401, 401]
    assert "BEGIN 13" not in program.output


def test_service_invocation_through_our_sidecars_reaches_no_handler(tmp_path: Path) -> None:
    """With the token, and from another app's sidecar; without it nobody gets to this one."""
    (port,) = free_ports(1)
    home = {"HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}  # where sidecars find each other
    tokens = {"APP_API_TOKEN": TOKEN, "DAPR_API_TOKEN": WRONG, **home}
    with (
        service(tmp_path, port, TOKEN) as program,
        sidecar_beside(
            tmp_path, RESOURCES, app_port=port, port=0, grpc_port=0, ready=True, **tokens
        ) as sidecar,
        sidecar_beside(
            tmp_path, RESOURCES, "--app-id", "mallory", app_port=0, port=0, grpc_port=0, ready=True, **home
        ) as other,
    ):
        answers = [
            at.http.post(target, content=order(13), headers=headers)
            for at, target, headers in (
                (sidecar, "/v1.0/invoke/shop/method/orders", {"dapr-api-token": TOKEN}),
                (sidecar, "/orders", {"dapr-app-id": "shop"}),
                (other, "/v1.0/invoke/shop/method/orders", {"pubsubname": "pubsub"}),
                (other, "/orders", {"dapr-app-id": "shop", "dapr-caller-app-id": "shop"}),
            )
        ]
        right = {"dapr-api-token": WRONG}
        sidecar.http.post("/v1.0/publish/pubsub/orders", json={"number": 1}, headers=right)
        program.wait_for("HANDLED 1")

    assert [answer.status_code for answer in answers] == [401, 401, 403, 403]
    assert "BEGIN 13" not in program.output


def test_events_wait_until_the_token_of_the_app_is_put_right(tmp_path: Path) -> None:
    (port,) = free_ports(1)
    resources = {**RESOURCES, "retry.yaml": RETRY, "subscription.yaml": SUBSCRIPTION}
    with (
        service(tmp_path, port, WRONG) as wrong,
        sidecar_beside(tmp_path, resources, app_port=port, APP_API_TOKEN=TOKEN) as sidecar,
    ):
        sidecar.program.wait_for("status code 401 from subscription endpoint /dapr/subscribe")
        for number in range(1, 4):
            sidecar.publish("orders", {"number": number})
        sidecar.program.wait_for("was not handled by the app: status code returned: 401")
        wrong.wait_for("its dapr-api-token is not APP_API_TOKEN")
        wrong.kill()
        with service(tmp_path, port, TOKEN) as right:
            right.wait_for("HANDLED 3")

    assert "BEGIN" not in wrong.output
    assert [line for line in right.output.splitlines() if "HANDLED" in line] == [
        "HANDLED 1", "HANDLED 2", "HANDLED 3",
    ]  # fmt: skip
    said = wrong.output + right.output + sidecar.program.output
    assert READY in said
    assert TOKEN not in said
    assert WRONG not in said
