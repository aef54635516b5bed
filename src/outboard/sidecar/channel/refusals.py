"""What an app says where it refuses: its status with its body, and what commonly lies behind it. Pure.

Source: daprd 1.18 writes the body too; FastAPI, "Handling Errors", for the body of a 422.
"""

from __future__ import annotations

from typing import Final

from outboard.gojson.decoding import first_value
from outboard.gojson.values import Json
from outboard.wire.http import Response

__all__ = ["excerpt", "refusal"]

LONGEST_BODY: Final = 1_000
LONGEST_READ: Final = 1024 * 1024
UNPROCESSABLE: Final = 422
MEMBER_OF_THE_BODY: Final = 2
ENVELOPE: Final = "the app gets a CloudEvent; the payload is under `data`"


def refusal(response: Response) -> str:
    """The status, and what the body says, in one line."""
    told = f"status code returned: {response.status}"
    if body := excerpt(response.body):
        told += f", body: {body}"
    return f"{told} ({ENVELOPE})" if _took_the_envelope_for_the_payload(response) else told


def excerpt(body: bytes) -> str:
    """The text of `body` in one line, at most 1,000 characters of it; empty where there is none."""
    text = " ".join(body[: 4 * LONGEST_BODY].decode("utf-8", "replace").split())
    printable = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)
    return printable if len(printable) <= LONGEST_BODY else printable[: LONGEST_BODY - 1] + "…"


def _took_the_envelope_for_the_payload(response: Response) -> bool:
    """Whether a model of the whole body misses fields of its own: FastAPI's 422."""
    if response.status != UNPROCESSABLE or len(response.body) > LONGEST_READ:
        return False
    try:
        body = first_value(response.body)
    except ValueError:
        return False
    problems = body.get("detail") if isinstance(body, dict) else None
    return isinstance(problems, list) and any(map(_misses_a_field_of_the_body, problems))


def _misses_a_field_of_the_body(problem: Json) -> bool:
    place = problem.get("loc") if isinstance(problem, dict) else None
    if not isinstance(problem, dict) or not isinstance(place, list):
        return False
    return problem.get("type") == "missing" and len(place) == MEMBER_OF_THE_BODY and place[0] == "body"
