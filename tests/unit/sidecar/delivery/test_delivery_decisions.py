from __future__ import annotations

import pytest

from outboard.sidecar.delivery.decisions import (
    Answer,
    Redeliver,
    Step,
    StepKind,
    next_step,
    read_answer,
    read_bulk_answer,
)
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response

SUCCESS, RETRY, DROP = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP
ACKNOWLEDGE, DEAD_LETTER, NOT_ACKNOWLEDGED = (
    StepKind.ACKNOWLEDGE,
    StepKind.DEAD_LETTER,
    StepKind.NOT_ACKNOWLEDGED,
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
    ("answer", "delay", "dead_letter", "step"),
    [
        (SUCCESS, 1.0, True, ACKNOWLEDGE),
        (DROP, 1.0, False, ACKNOWLEDGE),
        (DROP, 1.0, True, DEAD_LETTER),
        (RETRY, 1.0, True, Redeliver(1.0)),
        (RETRY, 0.0, True, Redeliver(0.0)),
        (RETRY, None, True, DEAD_LETTER),
        (RETRY, None, False, NOT_ACKNOWLEDGED),
    ],
)
def test_next_step(answer: DeliveryStatus, delay: float | None, dead_letter: bool, step: Step) -> None:
    assert next_step(Answer(answer), delay, dead_letter) == step


def outcomes(response: Response) -> dict[str, DeliveryStatus]:
    return {entry: answer.outcome for entry, answer in read_bulk_answer(response, ["a", "b"]).items()}


def test_each_entry_of_a_batch_has_its_own_answer() -> None:
    body = (
        b'{"statuses":[{"entryId":"b","status":"DROP"},{"EntryId":"a","Status":"SUCCESS"},{"entryId":"z"}]}'
    )
    assert outcomes(Response(200, body=body)) == {"a": SUCCESS, "b": DROP}


@pytest.mark.parametrize(
    "body", [b"", b"ok", b"[]", b"{}", b'{"statuses":{}}', b'{"statuses":[{"entryId":"a","status":""}]}']
)
def test_an_entry_that_is_not_told_about_is_retried(body: bytes) -> None:
    assert outcomes(Response(200, body=body)) == {"a": RETRY, "b": RETRY}


def test_of_a_batch_that_found_no_handler_no_dead_letter_is_kept() -> None:
    answers = read_bulk_answer(Response(404), ["a"])
    assert answers["a"].outcome is DROP
    assert next_step(answers["a"], None, True) is ACKNOWLEDGE


def test_a_batch_that_failed_is_retried() -> None:
    assert outcomes(Response(500)) == {"a": RETRY, "b": RETRY}
