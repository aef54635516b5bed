"""Whom a request is for."""

from __future__ import annotations

from base64 import b64encode

import pytest

from outboard.sidecar.invocation.targets import AppName, Asked, app_name, asked_of
from outboard.sidecar.invocation.values import InvocationFailed


def basic(credentials: str) -> dict[str, str]:
    return {"authorization": "Basic " + b64encode(credentials.encode()).decode()}


@pytest.mark.parametrize(
    ("path", "headers", "asked"),
    [
        ("/v1.0/invoke/a/method/x/y", {}, Asked("a", "x/y")),
        ("/v1.0/invoke/a/method/", {}, Asked("a", "")),
        ("//v1.0//invoke//a/method//x", {}, Asked("a", "/x")),
        ("/v1.0//invoke//a//method//x", {}, Asked("a/", "/x")),
        ("/v1.0/invoke/a.b/method/../x", {}, Asked("a.b", "../x")),
        ("/v1.0/invoke/http://h:1/b/method/x", {}, Asked("http://h:1/b", "x")),
        ("/v1.0/invoke/http%3A%2F%2Fh/method/x", {}, Asked("http://h", "x")),
        ("/v1.0/invoke/a+b/method/x", {}, Asked("a b", "x")),
        ("/v1.0/invoke/a/method/x/method/y", {}, Asked("a", "x/method/y")),
        ("/v1.0/invoke/a/method", {}, None),
        ("/v1.0/invoke//method/x", {}, None),
        ("/v1.0/other/a/method/x", {}, None),
        ("/", {}, None),
        ("/x//y", {"dapr-app-id": "b"}, Asked("b", "x/y")),
        ("/", {"dapr-app-id": "b"}, Asked("b", "")),
        ("/v1.0/invoke/a/method/x", {"dapr-app-id": "b"}, Asked("b", "v1.0/invoke/a/method/x")),
        ("/v1.0/invoke/a/method/x", basic("dapr-app-id:b"), Asked("b", "v1.0/invoke/a/method/x")),
        ("/x", basic("DAPR-APP-ID:b"), Asked("b", "x")),
        ("/x", basic("dapr-app-id:b:c"), None),
        ("/x", basic("somebody:b"), None),
        ("/x", {"authorization": "Basic ?"}, None),
        ("/x", {"authorization": "Bearer x"}, None),
        ("/x", {"dapr-app-id": "b", **basic("dapr-app-id:c")}, Asked("b", "x")),
    ],
)
def test_the_app_and_its_path(path: str, headers: dict[str, str], asked: Asked | None) -> None:
    assert asked_of(path, headers) == asked


def test_an_app_with_and_without_a_namespace() -> None:
    assert app_name("a", "default") == AppName("a", "default")
    assert app_name("a.other", "default") == AppName("a", "other")
    for wrong, problem in (("", "app id is empty"), ("a.b.c", "invalid app id a.b.c")):
        with pytest.raises(InvocationFailed, match=problem):
            app_name(wrong, "default")
