from __future__ import annotations

import pytest

from outboard.errors import SettingInvalid
from outboard.kit.client.settings import Settings


def test_defaults_are_those_of_a_local_sidecar() -> None:
    settings = Settings.from_environ({})
    assert settings == Settings()
    assert settings.endpoint == "http://127.0.0.1:3500"
    assert (settings.pubsub, settings.state_store) == ("pubsub", "statestore")
    assert (settings.protocol, settings.grpc) == ("http", ("127.0.0.1:50001", False))


def test_everything_is_read_from_the_environment() -> None:
    settings = Settings.from_environ(
        {
            "DAPR_HTTP_PORT": "3601",
            "DAPR_GRPC_PORT": " 50002 ",
            "DAPR_PUBSUB_NAME": "kafka-pubsub",
            "DAPR_STATE_STORE_NAME": "redis",
            "APP_ID": "backend",
            "DAPR_API_TOKEN": "one",
            "APP_API_TOKEN": "two",
        }
    )
    assert settings.endpoint == "http://127.0.0.1:3601"
    assert settings.grpc.target == "127.0.0.1:50002"
    assert (settings.pubsub, settings.state_store, settings.app_id) == ("kafka-pubsub", "redis", "backend")
    assert (settings.api_token, settings.app_token) == ("one", "two")


def test_empty_is_absent() -> None:
    names = ("DAPR_HTTP_PORT", "DAPR_HTTP_ENDPOINT", "DAPR_PUBSUB_NAME", "APP_ID", "APP_API_TOKEN")
    assert Settings.from_environ(dict.fromkeys(names, "")) == Settings()


@pytest.mark.parametrize(
    ("endpoint", "expected", "on_loopback"),
    [
        ("https://sidecar.example:8443/", "https://sidecar.example:8443", False),
        ("http://localhost:3500", "http://localhost:3500", True),
        ("http://[::1]:3500", "http://[::1]:3500", True),
        ("http://127.8.0.1", "http://127.8.0.1", True),
        ("http://10.0.0.1:80", "http://10.0.0.1:80", False),
    ],
)
def test_endpoint_wins_over_port(endpoint: str, expected: str, on_loopback: bool) -> None:
    settings = Settings.from_environ({"DAPR_HTTP_ENDPOINT": endpoint, "DAPR_HTTP_PORT": "1"})
    assert (settings.endpoint, settings.on_loopback) == (expected, on_loopback)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DAPR_HTTP_PORT", "http"),
        ("DAPR_HTTP_PORT", "0"),
        ("DAPR_HTTP_PORT", "70000"),
        ("DAPR_HTTP_PORT", "-1"),
        ("DAPR_HTTP_PORT", "٣٥٠٠"),
        ("DAPR_GRPC_PORT", "1.5"),
        ("DAPR_HTTP_ENDPOINT", "localhost:3500"),
        ("DAPR_HTTP_ENDPOINT", "ftp://localhost"),
        ("DAPR_HTTP_ENDPOINT", "http://localhost:port"),
        ("DAPR_HTTP_ENDPOINT", "http://user:password@localhost"),
        ("DAPR_HTTP_ENDPOINT", "http://localhost/?tls=true"),
        ("DAPR_HTTP_ENDPOINT", "http://[::1"),
        ("DAPR_PUBSUB_NAME", "../x"),
        ("APP_ID", "a||b"),
        ("DAPR_API_TOKEN", "secret\n"),
    ],
)
def test_a_malformed_value_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingInvalid) as caught:
        Settings.from_environ({name: value})
    assert caught.value.name == name
    assert str(caught.value).startswith(f"environment variable {name} ")
    for secret in ("password", "secret"):
        assert secret not in str(caught.value)


def test_tokens_are_not_shown() -> None:
    settings = Settings(api_token="sesame-1", app_token="sesame-2")
    assert "sesame" not in repr(settings)
    assert "sesame" not in str(settings)
