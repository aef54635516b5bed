from __future__ import annotations

from collections.abc import Mapping

import pytest

from outboard.sidecar.api.http.router import BadEscape, Route, Router

POST = frozenset({"POST"})
ROUTER = Router([
    Route(POST, "/v1.0/publish/bulk/{pubsub}/{topic*}", "bulk"),
    Route(POST, "/v1.0/publish/{pubsub}/{topic*}", "publish"),
    Route(POST, "/v1.0/state/{store}/{key}", "state"),
])  # fmt: skip


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/v1.0/publish/ps/t", ("publish", {"pubsub": "ps", "topic": "t"})),
        ("/v1.0/publish/ps/a/b/c", ("publish", {"pubsub": "ps", "topic": "a/b/c"})),
        ("//v1.0/publish//ps/t/", ("publish", {"pubsub": "ps", "topic": "t"})),
        ("/v1.0/x/../publish/ps/t", ("publish", {"pubsub": "ps", "topic": "t"})),
        ("/v1.0/publish/ps/%2F", ("publish", {"pubsub": "ps", "topic": "/"})),
        ("/v1.0/publish/p%2Fs/a+b%20c", ("publish", {"pubsub": "p/s", "topic": "a b c"})),
        ("/v1.0/publish/bulk/ps/t", ("bulk", {"pubsub": "ps", "topic": "t"})),
        ("/v1.0/publish/bulk/t", ("publish", {"pubsub": "bulk", "topic": "t"})),
        ("/v1.0/publish/ps", None),
        ("/v1.0/publish/ps/", None),
        ("/v1.0/state/s/a/b", None),
        ("/v1.0/state/s/a%2Fb", ("state", {"store": "s", "key": "a/b"})),
        ("/", None),
    ],
)
def test_paths(path: str, found: tuple[str, Mapping[str, str]] | None) -> None:
    assert ROUTER.find("POST", path) == found


def test_another_method_finds_nothing() -> None:
    assert ROUTER.find("GET", "/v1.0/publish/ps/t") is None


@pytest.mark.parametrize("path", ["/v1.0/publish/ps/%zz", "/%", "/a%2"])
def test_a_bad_escape(path: str) -> None:
    with pytest.raises(BadEscape):
        ROUTER.find("POST", path)
