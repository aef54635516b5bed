from __future__ import annotations

import pytest

from outboard.errors import SettingInvalid
from outboard.kit.client.grpc_endpoint import GrpcEndpoint
from outboard.kit.client.settings import Settings


@pytest.mark.parametrize(
    ("text", "target", "tls", "address"),
    [
        ("127.0.0.1:50002", "127.0.0.1:50002", False, "grpc://127.0.0.1:50002"),
        ("http://sidecar:50002/", "sidecar:50002", False, "grpc://sidecar:50002"),
        ("https://dapr.example", "dapr.example:443", True, "grpcs://dapr.example:443"),
        ("https://dapr.example:8443", "dapr.example:8443", True, "grpcs://dapr.example:8443"),
        ("dapr.example:443?tls=true", "dapr.example:443", True, "grpcs://dapr.example:443"),
        ("dns:sidecar:50002", "sidecar:50002", False, "grpc://sidecar:50002"),
        ("dns://8.8.8.8/sidecar:50002?tls=true", "sidecar:50002", True, "grpcs://sidecar:50002"),
        ("[::1]:50001", "[::1]:50001", False, "grpc://[::1]:50001"),
        ("unix:///run/dapr.sock", "unix:/run/dapr.sock", False, "unix:/run/dapr.sock"),
        ("unix:/run/dapr.sock", "unix:/run/dapr.sock", False, "unix:/run/dapr.sock"),
    ],
)
def test_forms(text: str, target: str, tls: bool, address: str) -> None:
    endpoint = GrpcEndpoint.parse(text)
    assert (endpoint.target, endpoint.tls, endpoint.address) == (target, tls, address)


@pytest.mark.parametrize(
    "text",
    [
        *("ftp://sidecar:1", "sidecar:port", "sidecar:0", ":50001", "https://", "unix:", "http://a/path"),
        *("https://user@sidecar", "sidecar:1?tls=perhaps", "sidecar:1?other=1", "sidecar:1#part", "[::1"),
    ],
)
def test_what_is_none_is_refused_with_the_variable(text: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.from_environ({"DAPR_GRPC_ENDPOINT": text})
    assert caught.value.name == "DAPR_GRPC_ENDPOINT"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *(("127.0.0.1:1", True), ("localhost:1", True), ("[::1]:1", True), ("unix:/run/dapr.sock", True)),
        *(("10.0.0.1:1", False), ("dapr.example:443", False)),
    ],
)
def test_on_loopback(text: str, expected: bool) -> None:
    assert GrpcEndpoint.parse(text).on_loopback is expected


def test_the_protocol_decides_which_address_is_meant() -> None:
    ports = {"DAPR_HTTP_PORT": "1", "DAPR_GRPC_PORT": "2"}
    assert Settings.from_environ(ports).address == "http://127.0.0.1:1"
    settings = Settings.from_environ({**ports, "DAPR_API_PROTOCOL": " GRPC "})
    assert (settings.protocol, settings.address) == ("grpc", "grpc://127.0.0.1:2")
    assert settings.is_named
    assert not Settings.from_environ({"DAPR_API_PROTOCOL": "grpc", "DAPR_HTTP_PORT": "1"}).is_named


def test_another_protocol_is_refused() -> None:
    with pytest.raises(SettingInvalid, match="DAPR_API_PROTOCOL is 'h2c', neither http nor grpc"):
        Settings.from_environ({"DAPR_API_PROTOCOL": "h2c"})
