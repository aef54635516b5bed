"""daprd's flags and environment variables as tables, and the reading of a command line by them.

The table of flags is also what `outboard sidecar --help` is made of. The variables are those that have no
effect here; those with one are read where options are parsed (NAMESPACE, DAPR_API_TOKEN, APP_API_TOKEN,
DAPR_HTTP_DISABLE_H2C) and where components are set up (POD_NAME, DAPR_ENV_KEYS).
Source: Dapr, "Dapr arguments and annotations" and "Environment variable reference"; daprd 1.18.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from outboard.errors import CommandError
from outboard.resources import boolean

__all__ = ["FLAGS", "UNSERVED", "Flag", "Values", "read_flags", "unserved_in"]

T = TypeVar("T")

NO_EFFECT: Final = "Accepted so that a daprd command line works unchanged; has no effect here."


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `default` tells its type: str, int, bool, or a tuple for one that may be given repeatedly.

    `unserved` is the part of daprd that this sidecar does not serve and that the flag is for: such a flag is
    taken, and named once in the log.
    """

    name: str
    default: str | int | bool | tuple[str, ...]
    help: str
    unserved: str = ""

    @property
    def inert(self) -> bool:
        """Whether the flag has no effect."""
        return bool(self.unserved)


def _inert(name: str, part: str, default: str | bool | tuple[str, ...] = "") -> Flag:
    return Flag(name, default, NO_EFFECT, part)


FLAGS: Final = (
    Flag("app-id", "", "Name of the app, unique among its peers. It is the `source` of its events."),
    Flag("app-port", 0, "Port on which the app listens. Without it no event is delivered to any app."),
    Flag(
        "app-protocol",
        "http",
        "How to call the app: `http`, `h2c` (HTTP/2 without TLS; needs `pip install 'outboard[h2c]'`), "
        "`grpc` (needs `pip install 'outboard[grpc]'`), or `https` and `grpcs`, whose certificates are not "
        "verified.",
    ),
    Flag("app-ssl", False, "Old name for `--app-protocol https` or `grpcs`."),
    Flag("app-channel-address", "127.0.0.1", "Host on which the app listens."),
    Flag("app-max-concurrency", -1, "At most so many calls to the app at a time; -1 is no limit."),
    Flag("dapr-http-port", 3500, "Port of Dapr's HTTP API; the app reads it from DAPR_HTTP_PORT."),
    Flag("dapr-grpc-port", 50001, "Port of Dapr's gRPC API, which needs `pip install 'outboard[grpc]'`."),
    Flag("dapr-internal-grpc-port", 0, "Port for calls of other sidecars; 0 is any free one."),
    Flag("dapr-internal-grpc-listen-address", "", "Address of that port. Default: 127.0.0.1."),
    Flag("dapr-listen-addresses", "", "Addresses of the API, with commas. Default: 127.0.0.1 and ::1 only."),
    Flag("dapr-public-port", "", "One more port, for metadata and health alone; no token is asked for."),
    Flag("dapr-public-listen-address", "", "Address of that port. Default: that of the API."),
    Flag("unix-domain-socket", "", "Folder of a socket for the API, instead of its port (not on Windows)."),
    Flag("metrics-port", "", "Port of the metrics, for Prometheus. Default: none."),
    Flag("metrics-listen-address", "", "Address of that port. Default: that of the API."),
    Flag("enable-metrics", True, "With `false` there are no metrics, whatever the port."),
    Flag("resources-path", (), "Folder with component and subscription files (YAML). May be repeated."),
    Flag("components-path", (), "Old name for `--resources-path`."),
    Flag("config", (), "Dapr Configuration file. May be repeated; what a later one sets counts."),
    Flag("enable-app-health-check", False, "Ask the app whether it is well; deliver only while it is."),
    Flag("app-health-check-path", "/healthz", "Path that answers 2xx while the app is well."),
    Flag("app-health-probe-interval", 5, "Seconds between two health probes."),
    Flag("app-health-probe-timeout", 500, "Milliseconds that a health probe may take."),
    Flag("app-health-threshold", 3, "So many failed probes in a row mean that the app is not well."),
    Flag("max-body-size", "4Mi", "Largest request and response body, such as `4Mi`; 0 is no limit."),
    Flag("dapr-http-max-request-size", "", "Old form of `--max-body-size`, in MB."),
    Flag("read-buffer-size", "4Ki", "Largest head of a request, such as `4Ki`; 4 KiB more are let through."),
    Flag("dapr-http-read-buffer-size", "", "Old form of `--read-buffer-size`, in KB."),
    Flag("allowed-origins", "", "Origins of web pages that may call the API (CORS), with commas; `*`: any."),
    Flag("log-level", "info", "debug, info, warn, error or fatal."),
    Flag("log-as-json", False, "Log one JSON object a line."),
    Flag("log-file", "", "File to append the log to, instead of standard output."),
    Flag("enable-api-logging", False, "Log every call of the API. Counts before the Configuration."),
    Flag("dapr-graceful-shutdown-seconds", 5, "Longest wait at the end for what is in flight; 0: for ever."),
    Flag("hot-reload-reconcile-interval", "60s", "Look so often at least whether resource files changed."),
    Flag("dapr-block-shutdown-duration", "0", "Keep the API up so long after a signal, as `10s`."),
    Flag("disable-init-endpoints", (), "`config`, `subscribe`: do not ask the app for /dapr/…"),
    Flag("version", False, "Print the version of daprd that is followed, and end."),
    Flag("build-info", False, "Print that version and Outboard's own, and end."),
    Flag("wait", False, "Wait until the sidecar at `--dapr-http-port` is ready (at most 60 s), and end."),
    Flag("mode", "standalone", "`standalone`; in Kubernetes the real daprd is injected.", "Kubernetes"),
    _inert("enable-profiling", "profiling", default=False),
    _inert("profile-port", "profiling"),
    _inert("placement-host-address", "actors"),
    _inert("actors-service", "actors"),
    _inert("reminders-service", "actors"),
    _inert("actors-disseminate-timeout", "actors"),
    _inert("scheduler-host-address", "jobs", default=()),
    _inert("scheduler-job-streams", "jobs"),
    _inert("sentry-address", "mTLS"),
    _inert("sentry-request-jwt-audiences", "mTLS", default=()),
    _inert("enable-mtls", "mTLS", default=False),
    _inert("control-plane-address", "a control plane"),
    _inert("control-plane-namespace", "a control plane"),
    _inert("control-plane-trust-domain", "a control plane"),
    _inert("disable-builtin-k8s-secret-store", "Kubernetes", default=False),
    _inert("app-binding-options-timeout", "bindings"),
)

UNSERVED: Final[Mapping[str, str]] = {
    "DAPR_CONTROLPLANE_NAMESPACE": "a control plane",
    "DAPR_CONTROLPLANE_TRUST_DOMAIN": "a control plane",
    "DAPR_SCHEDULER_HOST_ADDRESS_DNS_A": "jobs",
    "DAPR_TRUST_ANCHORS": "mTLS",
    "OTEL_EXPORTER_OTLP_ENDPOINT": "the export of traces",
    "OTEL_EXPORTER_OTLP_HEADERS": "the export of traces",
    "OTEL_EXPORTER_OTLP_INSECURE": "the export of traces",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "the export of traces",
    "OTEL_EXPORTER_OTLP_TIMEOUT": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "the export of traces",
    "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "the export of traces",
}
"""By name, the part of daprd that the variable is for and that this sidecar does not serve.

OTEL_SERVICE_NAME is not among them: alone it exports nothing there either, and `outboard run` sets it.
"""

BY_NAME: Final[Mapping[str, Flag]] = {flag.name: flag for flag in FLAGS}


@dataclass(frozen=True, slots=True)
class Values:
    """The text given for each flag, in order; what was not given has its default."""

    given: Mapping[str, tuple[str, ...]]

    def text(self, name: str) -> str:
        given = self.given.get(name)
        return given[-1] if given else str(BY_NAME[name].default)

    def many(self, name: str) -> tuple[str, ...]:
        return self.given.get(name, ())

    def integer(self, name: str) -> int:
        return self.converted(name, int)

    def boolean(self, name: str) -> bool:
        return self.converted(name, boolean.parse)

    def converted(self, name: str, convert: Callable[[str], T]) -> T:
        """The value through `convert`; its ValueError becomes a CommandError."""
        text = self.text(name)
        try:
            return convert(text)
        except ValueError as error:
            kinds: dict[object, str] = {int: "a whole number", boolean.parse: "`true` or `false`"}
            kind = kinds.get(convert)
            problem = f"--{name} {text!r} is not {kind}" if kind else f"--{name}: {error}"
            raise CommandError(problem, BY_NAME[name].help.rstrip(".")) from error


def unserved_in(environment: Mapping[str, str]) -> dict[str, str]:
    """Those of `UNSERVED` that are set and not empty, each with its part."""
    return {name: part for name, part in UNSERVED.items() if environment.get(name)}


def read_flags(arguments: Sequence[str]) -> Values:
    """Read `--flag value`, `--flag=value` and the same with one dash.

    Raises CommandError, for numbers and booleans that are none, too, whether they will be needed or not.
    """
    given: dict[str, tuple[str, ...]] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            raise CommandError(f"{argument!r} is not a flag", "Give every setting as `--flag value`")
        name, equals, value = argument.lstrip("-").partition("=")
        flag = _known(name, argument)
        value = value if equals else _next_value(flag, rest)
        given[flag.name] = (*given.get(flag.name, ()), value)
        _check(flag, Values(given))
    return Values(given)


def _check(flag: Flag, values: Values) -> None:
    """Raises CommandError."""
    if isinstance(flag.default, bool):
        values.boolean(flag.name)
    elif isinstance(flag.default, int):
        values.integer(flag.name)


def _known(name: str, argument: str) -> Flag:
    if name in BY_NAME:
        return BY_NAME[name]
    near = difflib.get_close_matches(name, BY_NAME, n=1, cutoff=0.6)
    advice = f"Did you mean --{near[0]}?" if near else "`outboard sidecar --help` lists the flags"
    raise CommandError(f"unknown flag {argument.partition('=')[0]}", advice)


def _next_value(flag: Flag, rest: Iterator[str]) -> str:
    if isinstance(flag.default, bool):
        return "true"
    value = next(rest, None)
    if value is None:
        raise CommandError(f"--{flag.name} has no value", f"Write `--{flag.name} VALUE`")
    return value
