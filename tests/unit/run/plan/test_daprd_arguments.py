"""The command line that daprd is started with."""

from __future__ import annotations

import pytest

from outboard.run.plan.daprd import daprd_arguments, daprd_variables
from outboard.run.plan.settings import Value


def value_of(flag: str, settings: dict[str, Value]) -> str | None:
    arguments = daprd_arguments("api", settings)
    flags = [part for part in arguments if part.startswith("--")]
    assert len(flags) == len(set(flags)) or flag == "--resources-path", arguments
    return arguments[arguments.index(flag) + 1] if flag in arguments else None


def test_it_is_told_its_name_and_listens_on_loopback_only() -> None:
    assert daprd_arguments("api", {"dapr-http-port": 3500}) == (
        "--app-id", "api",
        "--mode", "standalone",
        "--dapr-listen-addresses", "127.0.0.1",
        "--dapr-internal-grpc-listen-address", "127.0.0.1",
        "--metrics-listen-address", "127.0.0.1",
        "--dapr-http-port", "3500",
    )  # fmt: skip


def test_addresses_of_the_run_file_count_before_loopback() -> None:
    assert value_of("--dapr-listen-addresses", {"dapr-listen-addresses": "0.0.0.0"}) == "0.0.0.0"


@pytest.mark.parametrize(
    ("settings", "flag", "value"),
    [
        ({"app-ssl": True}, "--app-protocol", "https"),
        ({"app-ssl": False}, "--app-protocol", None),
        ({"app-ssl": True, "app-protocol": "h2c"}, "--app-protocol", "h2c"),
        ({"dapr-http-max-request-size": 16}, "--max-body-size", "16Mi"),
        ({"dapr-http-max-request-size": 16, "max-body-size": "8Mi"}, "--max-body-size", "8Mi"),
        ({"dapr-http-read-buffer-size": 8}, "--read-buffer-size", "8Ki"),
        ({"unix-domain-socket": "/tmp"}, "--unix-domain-socket", None),
    ],
)
def test_options_that_daprd_no_longer_takes_become_those_that_it_does(
    settings: dict[str, Value], flag: str, value: str | None
) -> None:
    assert value_of(flag, settings) == value
    old = ("--app-ssl", "--dapr-http-max-request-size", "--dapr-http-read-buffer-size")
    assert not set(old).intersection(daprd_arguments("api", settings))


def test_sidecars_find_each_other_on_loopback_unless_told_otherwise() -> None:
    assert daprd_variables({"A": "b"}) == {"A": "b", "DAPR_HOST_IP": "127.0.0.1"}
    assert daprd_variables({"DAPR_HOST_IP": "10.0.0.1"}) == {"DAPR_HOST_IP": "10.0.0.1"}
