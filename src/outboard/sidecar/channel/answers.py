"""What an app's answer to an event, or to a batch of them, means. Pure.

Source: Dapr pub/sub API, "Expected HTTP Response"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pydantic_core import to_json

from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.sidecar.channel.refusals import refusal
from outboard.sidecar.events import fast_path
from outboard.wire.dapr import DeliveryStatus
from outboard.wire.http import Response

__all__ = ["Answer", "read_answer", "read_bulk_answer"]

OK_CLASS: Final = 2
NOT_FOUND: Final = 404
ENTRY: Final = frozenset({"entryId", "status"})
SUCCESS: Final = str(DeliveryStatus.SUCCESS)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the app made of one event. `detail` says what it answered; `status` is the HTTP status, if any.

    `dead_letter` is False for the one kind of drop that daprd keeps no copy of: a 404 to a whole batch.
    """

    outcome: DeliveryStatus
    detail: str = ""
    status: int | None = None
    dead_letter: bool = True

    @property
    def code(self) -> int | None:
        """The status that a retry policy can match: a 2xx says RETRY in its body, and has none."""
        return None if self.status is None or self.status // 100 == OK_CLASS else self.status


def read_answer(response: Response) -> Answer:
    """The answer to a single event. A 2xx without a status that can be read is a success."""
    if response.ok:
        if not response.body:
            return _success(response.status)
        return _by_status(_status_of(_decode(response.body)), response.status)
    outcome = DeliveryStatus.DROP if response.status == NOT_FOUND else DeliveryStatus.RETRY
    return Answer(outcome, refusal(response), response.status)


def read_bulk_answer(response: Response, entry_ids: Collection[str]) -> dict[str, Answer]:
    """The answer to each entry of a batch; RETRY for one that is not told about or cannot be read."""
    if response.status == NOT_FOUND:
        dropped = Answer(DeliveryStatus.DROP, refusal(response), NOT_FOUND, dead_letter=False)
        return dict.fromkeys(entry_ids, dropped)
    if not response.ok:
        failed = Answer(DeliveryStatus.RETRY, refusal(response), response.status)
        return dict.fromkeys(entry_ids, failed)
    success = _success(response.status)
    if response.body == _all_succeeded(entry_ids):
        return dict.fromkeys(entry_ids, success)
    told = _common_statuses(response.body)
    if told is None:
        told = _bulk_statuses(_decode(response.body))
    if told is None:
        unread = Answer(DeliveryStatus.RETRY, "the response is not a list of statuses", response.status)
        return dict.fromkeys(entry_ids, unread)
    return {
        entry_id: success if status == DeliveryStatus.SUCCESS else _bulk_answer(status, response.status)
        for entry_id, status in ((entry_id, told.get(entry_id)) for entry_id in entry_ids)
    }


def _by_status(status: str, code: int) -> Answer:
    if not status or status == DeliveryStatus.SUCCESS:
        return _success(code)
    if status in {DeliveryStatus.RETRY, DeliveryStatus.DROP}:
        return Answer(DeliveryStatus(status), f"{status} status returned from app", code)
    return Answer(DeliveryStatus.RETRY, f"unknown status returned from app: {status}", code)


@lru_cache(maxsize=32)
def _success(code: int) -> Answer:
    return Answer(DeliveryStatus.SUCCESS, status=code)


def _bulk_answer(status: str | None, code: int) -> Answer:
    if status is None:
        return Answer(DeliveryStatus.RETRY, "no status returned for this entry", code)
    if status == "":
        return Answer(DeliveryStatus.RETRY, "empty status returned for this entry", code)
    return _by_status(status, code)


def _decode(body: bytes) -> Json:
    """The first JSON value of the body; None where there is none."""
    if not body:
        return None
    try:
        return first_value(body)
    except ValueError:
        return None


def _field(value: Mapping[str, Json], name: str) -> Json:
    """The member called `name` in any case; of several the last that is not null counts, as in Go."""
    named = [item for key, item in value.items() if key.lower() == name.lower() and item is not None]
    return named[-1] if named else None


def _status_of(value: Json) -> str:
    status = _field(value, "status") if isinstance(value, dict) else None
    return status if isinstance(status, str) else ""


def _all_succeeded(entry_ids: Iterable[str]) -> bytes:
    """What an app with nothing else to say most likely answers: written sooner than an answer is read."""
    statuses = [{"entryId": entry_id, "status": SUCCESS} for entry_id in entry_ids]
    return to_json({"statuses": statuses})


def _common_statuses(body: bytes) -> dict[str, str] | None:
    """The short way for the names as Dapr's documentation writes them; None for anything else."""
    value = fast_path.read_object(body)
    statuses = value.get("statuses") if value is not None and len(value) == 1 else None
    if not isinstance(statuses, list):
        return None
    told: dict[str, str] = {}
    for entry in statuses:
        if not isinstance(entry, dict) or entry.keys() != ENTRY:
            return None
        entry_id, status = entry["entryId"], entry["status"]
        if not isinstance(entry_id, str) or not isinstance(status, str):
            return None
        told[entry_id] = status
    return told


def _bulk_statuses(value: Json) -> dict[str, str] | None:
    statuses = _field(value, "statuses") if isinstance(value, dict) else None
    if statuses is None:
        return {} if isinstance(value, dict) else None
    if not isinstance(statuses, list):
        return None
    entries = [entry for entry in statuses if isinstance(entry, dict)]
    return {str(_field(entry, "entryId") or ""): _status_of(entry) for entry in entries}
