"""A sidecar's options, read from daprd's flags and environment.

Source: Dapr, "Dapr arguments and annotations"; daprd 1.18.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from outboard.errors import CommandError
from outboard.resources import duration
from outboard.resources.quantity import parse_quantity
from outboard.sidecar.channel.health import AppHealthOptions
from outboard.sidecar.channel.protocols import GRPC_PROTOCOLS, H2C
from outboard.sidecar.components.metadata.properties import is_truthy
from outboard.sidecar.grpc_library import is_grpc_installed
from outboard.sidecar.http2_library import is_h2_installed
from outboard.sidecar.invocation.names.registry import registry_folder
from outboard.sidecar.process.flags import FLAGS, Values, read_flags, unserved_in
from outboard.sidecar.runtime.options import LOOPBACK, Options

__all__ = ["parse"]

PROTOCOLS: Final = ("http", "https", "h2c", "grpc", "grpcs")
SECURE: Final = {"http": "https", "grpc": "grpcs"}
RECONCILE: Final = 60.0
"""Seconds that daprd takes for none."""
LEVELS: Final = ("debug", "info", "warn", "error", "fatal")
MODES: Final = ("standalone",)
INIT_ENDPOINTS: Final = ("config", "subscribe")


def parse(arguments: Sequence[str], environment: Mapping[str, str]) -> Options:
    """Read a command line and the environment.

    Raises CommandError for an unknown flag, a value that cannot be read, and settings that contradict.
    """
    options = from_values(read_flags(arguments), environment)
    _check(options)
    return options


def from_values(values: Values, environment: Mapping[str, str]) -> Options:
    """Options from flag values by name, as `read_flags` gives them. Raises CommandError."""
    port = values.integer("app-port")
    _choice(values, "mode", MODES)
    return Options(
        app_id=values.text("app-id"),
        app_port=port,
        app_protocol=_protocol(values),
        app_channel_address=values.text("app-channel-address"),
        max_concurrency=max(values.integer("app-max-concurrency"), 0),
        http_port=values.integer("dapr-http-port"),
        grpc_port=values.integer("dapr-grpc-port"),
        listen_addresses=_split(values.text("dapr-listen-addresses")) or LOOPBACK,
        public_port=_port(values, "dapr-public-port"),
        public_listen_address=values.text("dapr-public-listen-address"),
        metrics_port=_port(values, "metrics-port") if values.boolean("enable-metrics") else None,
        metrics_listen_address=values.text("metrics-listen-address"),
        unix_domain_socket=_path(values, "unix-domain-socket"),
        http2=not is_truthy(environment.get("DAPR_HTTP_DISABLE_H2C", "")),
        allowed_origins=_split(values.text("allowed-origins")),
        resources_paths=_resources_paths(values),
        config_paths=tuple(Path(part) for text in values.many("config") for part in _split(text)),
        app_health=_app_health(values) if port and values.boolean("enable-app-health-check") else None,
        max_body_bytes=_size(values, "max-body-size", "dapr-http-max-request-size", 2**20) or sys.maxsize,
        max_head_bytes=_size(values, "read-buffer-size", "dapr-http-read-buffer-size", 2**10) or 2**20,
        log_level=_choice(values, "log-level", LEVELS),
        log_as_json=values.boolean("log-as-json"),
        log_file=_path(values, "log-file"),
        api_logging=values.boolean("enable-api-logging") if values.many("enable-api-logging") else None,
        graceful_shutdown=_grace(values.integer("dapr-graceful-shutdown-seconds")),
        reload_interval=values.converted("hot-reload-reconcile-interval", duration.parse) or RECONCILE,
        block_shutdown=values.converted("dapr-block-shutdown-duration", duration.parse) or None,
        disabled_init_endpoints=_disabled_endpoints(values),
        namespace=environment.get("NAMESPACE", ""),
        api_token=_token(environment, "DAPR_API_TOKEN"),
        app_api_token=_token(environment, "APP_API_TOKEN"),
        without_effect=_without_effect(values, environment),
        registry=registry_folder(Path.home()),
        internal_grpc_port=values.integer("dapr-internal-grpc-port"),
        internal_listen_address=values.text("dapr-internal-grpc-listen-address") or LOOPBACK[0],
    )


def _without_effect(values: Values, environment: Mapping[str, str]) -> dict[str, str]:
    flags = {f"--{flag.name}": flag.unserved for flag in FLAGS if flag.inert and flag.name in values.given}
    return flags | unserved_in(environment)


def _token(environment: Mapping[str, str], name: str) -> str:
    """Without the token in the error: it is a secret."""
    token = environment.get(name, "")
    if not token.isprintable():
        problem = f"{name} holds a character that no header may hold (a line end, perhaps), or is not UTF-8"
        raise CommandError(problem, "Set it to letters, digits and signs")
    return token


def _port(values: Values, name: str) -> int | None:
    return values.integer(name) if values.text(name) else None


def _path(values: Values, name: str) -> Path | None:
    text = values.text(name)
    return Path(text) if text else None


def _size(values: Values, name: str, old_name: str, old_unit: int) -> int:
    """A size in bytes: the old flag, a number of `old_unit`, counts where the new one is not given."""
    if values.many(name) or not values.text(old_name):
        return values.converted(name, parse_quantity)
    return max(values.integer(old_name), 0) * old_unit


def _protocol(values: Values) -> str:
    protocol = values.text("app-protocol").lower()
    if protocol not in PROTOCOLS:
        raise CommandError(
            f"--app-protocol {protocol!r} is not a protocol", f"Use one of {', '.join(PROTOCOLS)}"
        )
    extra = _missing_extra(protocol) if values.integer("app-port") else ""
    if extra:
        advice = f"pip install 'outboard[{extra}]', or serve the app over `http`"
        raise CommandError(f"--app-protocol {protocol} needs what is not installed", advice)
    return SECURE.get(protocol, protocol) if values.boolean("app-ssl") else protocol


def _missing_extra(protocol: str) -> str:
    if protocol in GRPC_PROTOCOLS and not is_grpc_installed():
        return "grpc"
    return "h2c" if protocol == H2C and not is_h2_installed() else ""


def _choice(values: Values, name: str, choices: Sequence[str]) -> str:
    value = values.text(name).lower()
    value = "warn" if value == "warning" else value
    if value not in choices:
        raise CommandError(f"--{name} {value!r} is not known", f"Use one of {', '.join(choices)}")
    return value


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _resources_paths(values: Values) -> tuple[Path, ...]:
    given = values.many("resources-path") or values.many("components-path")
    return tuple(Path(part) for text in given for part in _split(text))


def _disabled_endpoints(values: Values) -> frozenset[str]:
    names = frozenset(part for text in values.many("disable-init-endpoints") for part in _split(text))
    for name in sorted(names.difference(INIT_ENDPOINTS)):
        raise CommandError(f"--disable-init-endpoints {name!r} is not known", "Use `config` or `subscribe`")
    return names


def _app_health(values: Values) -> AppHealthOptions:
    interval, timeout = (
        values.integer("app-health-probe-interval"),
        values.integer("app-health-probe-timeout"),
    )
    threshold = values.integer("app-health-threshold")
    default = AppHealthOptions()
    health = AppHealthOptions(
        path="" if _protocol(values) in GRPC_PROTOCOLS else values.text("app-health-check-path"),
        interval=float(interval) if interval > 0 else default.interval,
        timeout=timeout / 1000 if timeout > 0 else default.timeout,
        threshold=threshold if threshold >= 1 else default.threshold,
    )
    if health.timeout > health.interval:
        problem = f"--app-health-probe-timeout ({timeout} ms) is longer than --app-health-probe-interval"
        raise CommandError(problem, "Make the timeout (milliseconds) shorter than the interval (seconds)")
    return health


def _grace(seconds: int) -> float | None:
    if seconds == 0:
        return None
    return 5.0 if seconds < 0 else float(seconds)


def _check(options: Options) -> None:
    """What daprd refuses to start with."""
    if not options.app_id:
        raise CommandError(
            "--app-id is missing", "Name the app that this sidecar belongs to: `--app-id NAME`"
        )
    if "." in options.app_id:
        raise CommandError(f"--app-id {options.app_id!r} contains a dot", "Use letters, digits and hyphens")
    for path in options.resources_paths:
        if not path.is_dir():
            raise CommandError(
                f"--resources-path {path} is not a folder", "Name the folder of the resource files"
            )
    return _check_ports(options)


def _check_ports(options: Options) -> None:
    for name, port in (("dapr-http-port", options.http_port), ("dapr-grpc-port", options.grpc_port)):
        if port != options.app_port:
            continue
        if port == 0:
            advice = "Give the port of the app with --app-port, or a fixed port to the sidecar"
            raise CommandError(f"--{name} 0 needs an app (daprd refuses it too)", advice)
        advice = f"Give the sidecar another port with --{name}: --app-port is where the app itself listens"
        raise CommandError(f"--app-port and --{name} are both {port}", advice)
