"""The settings of one app, by their two names: the key in `dapr.yaml` and the flag of `dapr run`.

Source: Dapr's "How to: Use the Multi-App Run template file" and "run CLI command reference".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final, TypeAlias

__all__ = ["BY_FLAG", "BY_KEY", "SETTINGS", "Kind", "Setting", "Value", "is_given", "sidecar_arguments"]

Value: TypeAlias = "int | bool | str | tuple[str, ...]"

APP_PORT: Final = "app-port"
APP_PROTOCOL: Final = "app-protocol"
CONFIG: Final = "config"
HEALTH_CHECK: Final = "enable-app-health-check"
HTTP_PORT: Final = "dapr-http-port"
GRPC_PORT: Final = "dapr-grpc-port"
INTERNAL_GRPC_PORT: Final = "dapr-internal-grpc-port"
METRICS_PORT: Final = "metrics-port"
LISTEN_ADDRESSES: Final = "dapr-listen-addresses"
PROFILE_PORT: Final = "profile-port"
PROFILING: Final = "enable-profiling"
RESOURCES_PATH: Final = "resources-path"
UNIX_SOCKET: Final = "unix-domain-socket"
PORTS: Final = (APP_PORT, HTTP_PORT, GRPC_PORT, INTERNAL_GRPC_PORT, METRICS_PORT, PROFILE_PORT)


class Kind(Enum):
    """How a value is written: a word, a whole number, a port, true or false, one path or several."""

    TEXT = "text"
    INTEGER = "integer"
    PORT = "port"
    BOOLEAN = "boolean"
    PATH = "path"
    PATHS = "paths"


@dataclass(frozen=True, slots=True)
class Setting:
    """`key` is the name in dapr.yaml and `flag` daprd's, without dashes; `short` is that of `dapr run`.

    `shared` settings may stand under `common` too. `old_flag` is an older name of the flag.
    """

    key: str
    flag: str
    kind: Kind
    help: str
    shared: bool = True
    short: str = ""
    old_flag: str = ""


SETTINGS: Final = (
    Setting("appPort", APP_PORT, Kind.PORT, "Port that the app listens on.", shared=False, short="p"),
    Setting(
        "appProtocol",
        APP_PROTOCOL,
        Kind.TEXT,
        "How the sidecar calls the app: http, https, grpc or grpcs.",
        short="P",
    ),
    Setting(
        "appChannelAddress", "app-channel-address", Kind.TEXT, "Host that the app listens on.", shared=False
    ),
    Setting(
        "appMaxConcurrency",
        "app-max-concurrency",
        Kind.INTEGER,
        "Calls to the app at the same time; unlimited when not given.",
    ),
    Setting(
        "appSSL", "app-ssl", Kind.BOOLEAN, "Call the app over TLS (older name for --app-protocol https)."
    ),
    Setting(
        "resourcesPaths",
        RESOURCES_PATH,
        Kind.PATHS,
        "Folder with component files. May be given more than once.",
        short="d",
        old_flag="components-path",
    ),
    Setting("configFilePath", CONFIG, Kind.PATH, "Dapr Configuration file.", short="c"),
    Setting(
        "daprHTTPPort",
        HTTP_PORT,
        Kind.PORT,
        "Port of the sidecar's HTTP API; picked when not given.",
        shared=False,
        short="H",
    ),
    Setting(
        "daprGRPCPort",
        GRPC_PORT,
        Kind.PORT,
        "Port of the sidecar's gRPC API; picked when not given.",
        shared=False,
        short="G",
    ),
    Setting(
        "daprInternalGRPCPort",
        INTERNAL_GRPC_PORT,
        Kind.PORT,
        "Port between sidecars.",
        shared=False,
        short="I",
    ),
    Setting(
        "metricsPort", METRICS_PORT, Kind.PORT, "Port of the sidecar's metrics.", shared=False, short="M"
    ),
    Setting("profilePort", PROFILE_PORT, Kind.PORT, "Port of the profiling server.", shared=False),
    Setting("enableProfiling", PROFILING, Kind.BOOLEAN, "Serve profiles."),
    Setting(
        "unixDomainSocket",
        UNIX_SOCKET,
        Kind.TEXT,
        "Folder for Unix sockets instead of ports.",
        shared=False,
        short="u",
    ),
    Setting("apiListenAddresses", LISTEN_ADDRESSES, Kind.TEXT, "Addresses that the sidecar listens on."),
    Setting(
        "enableAppHealthCheck",
        HEALTH_CHECK,
        Kind.BOOLEAN,
        "Deliver events only while the app says it is healthy.",
    ),
    Setting("appHealthCheckPath", "app-health-check-path", Kind.TEXT, "Path of the app's health check."),
    Setting(
        "appHealthProbeInterval",
        "app-health-probe-interval",
        Kind.INTEGER,
        "Seconds between two health checks.",
    ),
    Setting(
        "appHealthProbeTimeout",
        "app-health-probe-timeout",
        Kind.INTEGER,
        "Milliseconds a health check may take.",
    ),
    Setting(
        "appHealthThreshold",
        "app-health-threshold",
        Kind.INTEGER,
        "Failed checks in a row that mean unhealthy.",
    ),
    Setting("logLevel", "log-level", Kind.TEXT, "Log level of the sidecar: debug, info, warn or error."),
    Setting("enableApiLogging", "enable-api-logging", Kind.BOOLEAN, "Log each call of the sidecar's API."),
    Setting("maxBodySize", "max-body-size", Kind.TEXT, "Largest request body, as 4Mi.", short="B"),
    Setting("readBufferSize", "read-buffer-size", Kind.TEXT, "Largest request head, as 4Ki."),
    Setting(
        "daprHTTPMaxRequestSize",
        "dapr-http-max-request-size",
        Kind.INTEGER,
        "Largest request body in MB (older name for --max-body-size).",
    ),
    Setting(
        "daprHTTPReadBufferSize",
        "dapr-http-read-buffer-size",
        Kind.INTEGER,
        "Largest request head in KB (older name for --read-buffer-size).",
    ),
    Setting(
        "placementHostAddress",
        "placement-host-address",
        Kind.TEXT,
        "Accepted; a local sidecar has no placement.",
    ),
    Setting(
        "schedulerHostAddress",
        "scheduler-host-address",
        Kind.TEXT,
        "Accepted; a local sidecar has no scheduler.",
    ),
)

BY_KEY: Final[Mapping[str, Setting]] = MappingProxyType({setting.key: setting for setting in SETTINGS})
BY_FLAG: Final[Mapping[str, Setting]] = MappingProxyType({setting.flag: setting for setting in SETTINGS})


def is_given(flag: str, value: Value) -> bool:
    """Whether `value` chooses something: a port of 0 or -1 does not, as with `dapr run`."""
    return BY_FLAG[flag].kind is not Kind.PORT or (isinstance(value, int) and value > 0)


def sidecar_arguments(app_id: str, values: Mapping[str, Value]) -> tuple[str, ...]:
    """daprd's command line for the app `app_id` with `values` by flag."""
    arguments = ["--app-id", app_id]
    for flag, value in values.items():
        arguments += _argument(flag, value)
    return tuple(arguments)


def _argument(flag: str, value: Value) -> list[str]:
    if isinstance(value, bool):
        return [f"--{flag}"] if value else []
    if isinstance(value, tuple):
        return [part for item in value for part in (f"--{flag}", item)]
    return [f"--{flag}", str(value)]
