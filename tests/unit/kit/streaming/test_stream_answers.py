from __future__ import annotations

import pytest

from outboard import DeliveryStatus
from outboard.kit.streaming.answers import status_of
from outboard.wire.http import Response

SUCCESS, RETRY, DROP = DeliveryStatus.SUCCESS, DeliveryStatus.RETRY, DeliveryStatus.DROP


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        *((200, b'{"status":"SUCCESS"}', SUCCESS), (200, b'{"status":"RETRY"}', RETRY)),
        *((200, b'{"status":"DROP"}', DROP), (200, b"", SUCCESS), (204, b"", SUCCESS)),
        *((200, b"no json", SUCCESS), (200, b"{}", SUCCESS), (200, b'{"status":""}', SUCCESS)),
        *((200, b"[1]", SUCCESS), (200, b'{"status":"success"}', RETRY), (200, b'{"status":7}', RETRY)),
        *((200, b'{"status":["DROP"]}', RETRY), (404, b"", DROP), (500, b"", RETRY)),
        *((401, b"", RETRY), (302, b"", RETRY), (422, b'{"status":"DROP"}', RETRY)),
    ],
)
def test_statuses(status: int, body: bytes, expected: DeliveryStatus) -> None:
    assert status_of(Response(status, {}, body)) is expected
