from __future__ import annotations

import json

import pytest

from outboard.sidecar.channel.answers import Answer, read_answer, read_bulk_answer
from outboard.sidecar.delivery.decisions import Step, last_step
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response

SUCCESS, RETRY, DROP = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP
ACKNOWLEDGE, DEAD_LETTER, NOT_ACKNOWLEDGED = (
    Step.ACKNOWLEDGE,
    Step.DEAD_LETTER,
    Step.NOT_ACKNOWLEDGED,
)


@pytest.mark.parametrize(
    ("status", "body", "outcome"),
    [
        (200, b"", SUCCESS),
        (204, b"", SUCCESS),
        (200, b"ok", SUCCESS),
        (200, b"{}", SUCCESS),
        (200, b'{"status":""}', SUCCESS),
        (200, b'{"status":null}', SUCCESS),
        (200, b'{"status":5}', SUCCESS),
        (200, b'["RETRY"]', SUCCESS),
        (201, b'{"status":"SUCCESS"}', SUCCESS),
        (200, b' {"Status":"RETRY"} more', RETRY),
        (200, b'{"status":"retry"}', RETRY),
        (200, b'{"status":"WHAT"}', RETRY),
        (200, b'{"status":"DROP"}', DROP),
        (200, b"[" * 100_000, SUCCESS),
        (404, b'{"status":"SUCCESS"}', DROP),
        (422, b"", RETRY),
        (500, b"", RETRY),
        (302, b"", RETRY),
    ],
)
def test_single_answers(status: int, body: bytes, outcome: DeliveryStatus) -> None:
    answer = read_answer(Response(status, body=body))
    assert answer.outcome is outcome
    assert answer.status == status


@pytest.mark.parametrize(
    ("answer", "dead_letter", "step"),
    [
        (SUCCESS, True, ACKNOWLEDGE),
        (DROP, False, ACKNOWLEDGE),
        (DROP, True, DEAD_LETTER),
        (RETRY, True, DEAD_LETTER),
        (RETRY, False, NOT_ACKNOWLEDGED),
    ],
)
def test_last_step(answer: DeliveryStatus, dead_letter: bool, step: Step) -> None:
    assert last_step(Answer(answer), dead_letter) == step


def test_a_retry_policy_matches_the_status_of_a_failure_only() -> None:
    assert read_answer(Response(503)).code == 503
    assert read_answer(Response(200, body=b'{"status":"RETRY"}')).code is None


def outcomes(response: Response) -> dict[str, DeliveryStatus]:
    return {entry: answer.outcome for entry, answer in read_bulk_answer(response, ["a", "b"]).items()}


def test_each_entry_of_a_batch_has_its_own_answer() -> None:
    body = (
        b'{"statuses":[{"entryId":"b","status":"DROP"},{"EntryId":"a","Status":"SUCCESS"},{"entryId":"z"}]}'
    )
    assert outcomes(Response(200, body=body)) == {"a": SUCCESS, "b": DROP}


def spelled(**statuses: str) -> bytes:
    entries = [{"entryId": entry, "status": status} for entry, status in statuses.items()]
    return json.dumps({"statuses": entries}, separators=(",", ":")).encode()


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (spelled(a="SUCCESS", b="SUCCESS"), (SUCCESS, SUCCESS)),
        (spelled(b="SUCCESS", a="SUCCESS"), (SUCCESS, SUCCESS)),
        (spelled(a="SUCCESS"), (SUCCESS, RETRY)),
        (spelled(a="SUCCESS", c="SUCCESS"), (SUCCESS, RETRY)),
        (spelled(a="SUCCESS", b="RETRY"), (SUCCESS, RETRY)),
    ],
)
def test_a_batch_that_succeeded_is_told_from_any_other(body: bytes, told: tuple[DeliveryStatus, ...]) -> None:
    assert tuple(outcomes(Response(200, body=body)).values()) == told
    assert read_bulk_answer(Response(201, body=body), ["a", "b"])["a"].status == 201


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b"{}", b'{"statuses":{}}', b'{"statuses":[{"entryId":"a","status":""}]}']
)
def test_an_entry_that_is_not_told_about_is_retried(body: bytes) -> None:
    assert outcomes(Response(200, body=body)) == {"a": RETRY, "b": RETRY}


def test_of_a_batch_that_found_no_handler_no_dead_letter_is_kept() -> None:
    answers = read_bulk_answer(Response(404), ["a"])
    assert answers["a"].outcome is DROP
    assert last_step(answers["a"], True) is ACKNOWLEDGE


def test_a_batch_that_failed_is_retried() -> None:
    assert outcomes(Response(500)) == {"a": RETRY, "b": RETRY}
