from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from outboard.errors import CommandError
from outboard.sidecar.channel.health import AppHealthOptions
from outboard.sidecar.process import options_reader
from outboard.sidecar.process.flags import FLAGS
from outboard.sidecar.process.options_reader import parse
from outboard.sidecar.runtime.options import LOOPBACK, Options


def options(*arguments: str, **environment: str) -> Options:
    return parse(["--app-id", "api", *arguments], environment)


def test_defaults_are_daprds_but_it_listens_on_loopback_only() -> None:
    assert options() == Options(
        "api",
        http_port=3500,
        grpc_port=50001,
        listen_addresses=LOOPBACK,
        max_body_bytes=4 * 1024 * 1024,
        registry=Path.home() / ".outboard" / "sidecars",
    )


def test_one_dash_two_dashes_with_and_without_equals_sign(tmp_path: Path) -> None:
    given = options(
        "-app-port=8000", "--dapr-http-port", "3501", "--log-as-json", "--max-body-size=1Ki",
        "--resources-path", str(tmp_path), "--resources-path", f"{tmp_path},{tmp_path}",
    )  # fmt: skip
    assert (given.app_port, given.http_port, given.log_as_json, given.max_body_bytes) == (
        8000,
        3501,
        True,
        1024,
    )
    assert given.resources_paths == (tmp_path,) * 3


def test_components_path_counts_only_where_resources_path_is_not_given(tmp_path: Path) -> None:
    assert options("--components-path", str(tmp_path)).resources_paths == (tmp_path,)
    other = tmp_path / "other"
    other.mkdir()
    given = options("--components-path", str(tmp_path), "--resources-path", str(other))
    assert given.resources_paths == (other,)


def test_tokens_come_from_the_environment_and_stay_out_of_the_repr() -> None:
    given = options(DAPR_API_TOKEN="sesame", APP_API_TOKEN="mellon", NAMESPACE="todo")
    assert (given.api_token, given.app_api_token, given.namespace) == ("sesame", "mellon", "todo")
    assert "sesame" not in repr(given)
    assert "mellon" not in repr(given)


@pytest.mark.parametrize(("said", "speaks"), [("", True), ("false", True), ("1", False), ("Yes", False)])
def test_http2_can_be_switched_off_as_in_daprd(said: str, speaks: bool) -> None:
    given = options(DAPR_HTTP_DISABLE_H2C=said)
    assert given.http2 is speaks
    assert given.without_effect == {}


def test_flags_without_effect_are_named() -> None:
    variables = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SERVICE_NAME": "exports nothing"}
    given = options("--placement-host-address", "x:1", "-enable-mtls=false", **variables)
    assert given.without_effect == {
        "--enable-mtls": "mTLS",
        "--placement-host-address": "actors",
        "OTEL_EXPORTER_OTLP_ENDPOINT": "the export of traces",
    }


DAPRD_FLAGS = """
actors-disseminate-timeout actors-service allowed-origins app-channel-address app-health-check-path
app-health-probe-interval app-health-probe-timeout app-health-threshold app-id app-max-concurrency app-port
app-protocol app-ssl build-info components-path config control-plane-address control-plane-namespace
control-plane-trust-domain dapr-block-shutdown-duration dapr-graceful-shutdown-seconds dapr-grpc-port
dapr-http-max-request-size dapr-http-port dapr-http-read-buffer-size dapr-internal-grpc-listen-address
dapr-internal-grpc-port dapr-listen-addresses dapr-public-listen-address dapr-public-port
disable-builtin-k8s-secret-store disable-init-endpoints enable-api-logging enable-app-health-check
enable-metrics enable-mtls enable-profiling log-as-json log-file log-level max-body-size
metrics-listen-address metrics-port mode placement-host-address profile-port read-buffer-size
reminders-service resources-path scheduler-host-address scheduler-job-streams sentry-address
sentry-request-jwt-audiences unix-domain-socket version wait
"""


@pytest.mark.parametrize("name", re.findall(r"\S+", DAPRD_FLAGS))
def test_every_flag_of_daprd_is_known_and_has_a_word_of_help(name: str) -> None:
    (flag,) = (flag for flag in FLAGS if flag.name == name)
    assert flag.help.endswith((".", "…"))


def test_the_public_port_is_there_only_where_it_is_given() -> None:
    assert options().public_port is None
    given = options("--dapr-public-port=3600", "--dapr-public-listen-address=0.0.0.0")
    assert (given.public_port, given.public_listen_address) == (3600, "0.0.0.0")


@pytest.mark.parametrize(
    ("arguments", "body", "head"),
    [
        ([], 4 * 2**20, 4096),
        (["--dapr-http-max-request-size=2", "--dapr-http-read-buffer-size=8"], 2 * 2**20, 8192),
        (["--dapr-http-max-request-size=2", "--max-body-size=1Ki", "--read-buffer-size=1Ki"], 1024, 1024),
        (["--max-body-size=0", "--read-buffer-size=0"], sys.maxsize, 2**20),
        (["--dapr-http-max-request-size=-1"], sys.maxsize, 4096),
    ],
)
def test_sizes_in_their_new_and_their_old_form(arguments: list[str], body: int, head: int) -> None:
    given = options(*arguments)
    assert (given.max_body_bytes, given.max_head_bytes) == (body, head)


@pytest.mark.parametrize(
    ("arguments", "logging"),
    [([], None), (["--enable-api-logging"], True), (["--enable-api-logging=false"], False)],
)
def test_api_logging_is_left_to_the_configuration_unless_the_flag_is_given(
    arguments: list[str], logging: bool | None
) -> None:
    assert options(*arguments).api_logging is logging


def test_lists_of_origins_and_configurations() -> None:
    given = options("--allowed-origins=http://a,http://b", "--config=a.yaml,b.yaml", "--config", "c.yaml")
    assert given.allowed_origins == ("http://a", "http://b")
    assert given.config_paths == (Path("a.yaml"), Path("b.yaml"), Path("c.yaml"))


def test_files_and_sockets() -> None:
    given = options("--log-file=x.log", "--unix-domain-socket", "run")
    assert (given.log_file, given.unix_domain_socket) == (Path("x.log"), Path("run"))


def test_health_checks_need_an_app_and_fall_back_to_daprds_defaults() -> None:
    assert options("--enable-app-health-check").app_health is None
    given = options("--app-port=1", "--enable-app-health-check", "--app-health-probe-interval=0")
    assert given.app_health == AppHealthOptions("/healthz", 5.0, 0.5, 3)


@pytest.mark.parametrize(("seconds", "expected"), [("-1", 5.0), ("0", None), ("9", 9.0)])
def test_graceful_shutdown_seconds(seconds: str, expected: float | None) -> None:
    assert options("--dapr-graceful-shutdown-seconds", seconds).graceful_shutdown == expected


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["--dapr-http-prot", "1"], "unknown flag --dapr-http-prot. Did you mean --dapr-http-port?"),
        (["--app-port"], "--app-port has no value"),
        (["--mode=kubernetes"], "--mode 'kubernetes' is not known"),
        (["--dapr-public-port=x"], "--dapr-public-port 'x' is not a whole number"),
        (["--dapr-http-max-request-size=x"], "--dapr-http-max-request-size 'x' is not a whole number"),
        (["--read-buffer-size=x"], "'x' is not a quantity"),
        (["--app-port", "x"], "--app-port 'x' is not a whole number"),
        (["--log-as-json=maybe"], "--log-as-json 'maybe' is not `true` or `false`"),
        (["--max-body-size", "many"], "--max-body-size: 'many' is not a quantity"),
        (["--app-port", "3500"], "--app-port and --dapr-http-port are both 3500"),
        (["--app-port", "50001"], "--app-port and --dapr-grpc-port are both 50001"),
        (["--dapr-http-port", "0"], "--dapr-http-port 0 needs an app"),
        (["--app-id", ""], "--app-id is missing"),
        (["--app-id", "a.b"], "contains a dot"),
        (["--app-protocol", "ftp"], "'ftp' is not a protocol"),
        (["--log-level", "loud"], "--log-level 'loud' is not known"),
        (["--disable-init-endpoints", "config,x"], "'x' is not known"),
        (["--resources-path", "/no/such/folder"], "is not a folder"),
        (["stray"], "'stray' is not a flag"),
        (
            ["--app-port=1", "--enable-app-health-check", "--app-health-probe-timeout=9000"],
            "--app-health-probe-timeout (9000 ms) is longer",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_what_to_do(arguments: list[str], problem: str) -> None:
    with pytest.raises(CommandError) as caught:
        options(*arguments)
    assert problem in str(caught.value)
    assert caught.value.advice


@pytest.mark.parametrize(
    ("arguments", "protocol"),
    [
        ((), "http"),
        (("--app-protocol", "GRPC"), "grpc"),
        (("--app-protocol", "grpcs"), "grpcs"),
        (("--app-protocol", "h2c"), "h2c"),
        (("--app-ssl", "--app-protocol", "h2c"), "h2c"),
        (("--app-ssl",), "https"),
        (("--app-ssl", "--app-protocol", "grpc"), "grpcs"),
        (("--app-ssl", "--app-protocol", "https"), "https"),
    ],
)
def test_the_protocol_of_the_app(arguments: tuple[str, ...], protocol: str) -> None:
    assert options("--app-port", "1", *arguments).app_protocol == protocol


def test_an_app_over_grpc_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options_reader, "is_grpc_installed", lambda: False)
    assert options("--app-protocol", "grpc").app_protocol == "grpc"  # there is no app
    with pytest.raises(CommandError, match="--app-protocol grpc needs what is not installed") as caught:
        options("--app-protocol", "grpc", "--app-port", "1")
    assert "pip install 'outboard[grpc]'" in caught.value.advice


def test_an_app_over_h2c_needs_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options_reader, "is_h2_installed", lambda: False)
    assert options("--app-protocol", "h2c").app_protocol == "h2c"  # there is no app
    with pytest.raises(CommandError, match="--app-protocol h2c needs what is not installed") as caught:
        options("--app-protocol", "h2c", "--app-port", "1")
    assert "pip install 'outboard[h2c]'" in caught.value.advice


def test_the_health_of_an_app_over_grpc_has_no_path() -> None:
    health = options("--app-protocol", "grpc", "--app-port", "1", "--enable-app-health-check").app_health
    assert health is not None
    assert health.path == ""


def test_every_flag_teaches_something_and_stands_once_in_the_table() -> None:
    assert len({flag.name for flag in FLAGS}) == len(FLAGS)
    assert all(len(flag.help) > 20 for flag in FLAGS)


@pytest.mark.parametrize("name", ["DAPR_API_TOKEN", "APP_API_TOKEN"])
@pytest.mark.parametrize("token", ["secret\udcff", "secret\n", "sec\0ret"])
def test_a_token_that_no_header_may_hold_is_refused_without_telling_it(name: str, token: str) -> None:
    with pytest.raises(CommandError, match=f"^{name} holds a character") as caught:
        parse(["--app-id", "api"], {name: token})
    assert "secret" not in str(caught.value)
