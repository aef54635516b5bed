"""daprd's flags as one table, and the reading of a command line by it.

The table is also what `outboard sidecar --help` is made of.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from outboard.errors import CommandError

__all__ = ["FLAGS", "Flag", "Values", "read_flags"]

T = TypeVar("T")

NO_EFFECT: Final = "Accepted so that a daprd command line works unchanged; has no effect here."


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag. `default` tells its type: str, int, bool, or a tuple for one that may be given repeatedly.

    `inert` ones are taken and named once in the log. `env` is the variable that sets the same thing.
    """

    name: str
    default: str | int | bool | tuple[str, ...]
    help: str
    env: str = ""
    inert: bool = False


FLAGS: Final = (
    Flag("app-id", "", "Name of the app, unique among its peers. It is the `source` of its events."),
    Flag("app-port", 0, "Port on which the app listens. Without it no event is delivered to any app."),
    Flag("app-protocol", "http", "How to call the app: `http` or `https` (certificates are not verified)."),
    Flag("app-ssl", False, "Old name for `--app-protocol https`."),
    Flag("app-channel-address", "127.0.0.1", "Host on which the app listens."),
    Flag("app-max-concurrency", -1, "At most so many calls to the app at a time; -1 is no limit."),
    Flag("dapr-http-port", 3500, "Port of Dapr's HTTP API; the app reads it from DAPR_HTTP_PORT."),
    Flag("dapr-grpc-port", 50001, "Port of Dapr's gRPC API (not served yet)."),
    Flag("dapr-listen-addresses", "", "Addresses of the API, with commas. Default: 127.0.0.1 and ::1 only."),
    Flag("resources-path", (), "Folder with component and subscription files (YAML). May be repeated."),
    Flag("components-path", (), "Old name for `--resources-path`."),
    Flag("config", (), "Dapr Configuration file. Accepted; its settings are not applied yet.", inert=True),
    Flag("enable-app-health-check", False, "Ask the app whether it is well; deliver only while it is."),
    Flag("app-health-check-path", "/healthz", "Path that answers 2xx while the app is well."),
    Flag("app-health-probe-interval", 5, "Seconds between two health probes."),
    Flag("app-health-probe-timeout", 500, "Milliseconds that a health probe may take."),
    Flag("app-health-threshold", 3, "So many failed probes in a row mean that the app is not well."),
    Flag("max-body-size", "4Mi", "Largest request and response body, such as `4Mi`."),
    Flag("log-level", "info", "debug, info, warn, error or fatal."),
    Flag("log-as-json", False, "Log one JSON object a line."),
    Flag("enable-api-logging", False, "Log every call of the API."),
    Flag("dapr-graceful-shutdown-seconds", 5, "Longest wait at the end for what is in flight; 0: for ever."),
    Flag("dapr-block-shutdown-duration", "0", "Keep the API up so long after a signal, as `10s`."),
    Flag("disable-init-endpoints", (), "`config`, `subscribe`: do not ask the app for /dapr/…"),
    Flag("mode", "standalone", "`standalone`; Kubernetes injects the real daprd.", inert=True),
    Flag("dapr-internal-grpc-port", "", NO_EFFECT, inert=True),
    Flag("dapr-internal-grpc-listen-address", "", NO_EFFECT, inert=True),
    Flag("dapr-public-port", "", NO_EFFECT, inert=True),
    Flag("dapr-public-listen-address", "", NO_EFFECT, inert=True),
    Flag("dapr-http-max-request-size", "", NO_EFFECT + " Use --max-body-size.", inert=True),
    Flag("dapr-http-read-buffer-size", "", NO_EFFECT, inert=True),
    Flag("read-buffer-size", "", NO_EFFECT, inert=True),
    Flag("enable-metrics", True, NO_EFFECT, inert=True),
    Flag("metrics-port", "", NO_EFFECT, inert=True),
    Flag("metrics-listen-address", "", NO_EFFECT, inert=True),
    Flag("enable-profiling", False, NO_EFFECT, inert=True),
    Flag("profile-port", "", NO_EFFECT, inert=True),
    Flag("placement-host-address", "", NO_EFFECT, inert=True),
    Flag("scheduler-host-address", "", NO_EFFECT, inert=True),
    Flag("sentry-address", "", NO_EFFECT, inert=True),
    Flag("control-plane-address", "", NO_EFFECT, inert=True),
    Flag("control-plane-namespace", "", NO_EFFECT, inert=True),
    Flag("control-plane-trust-domain", "", NO_EFFECT, inert=True),
    Flag("trust-anchors", "", NO_EFFECT, inert=True),
    Flag("enable-mtls", False, NO_EFFECT, inert=True),
    Flag("unix-domain-socket", "", NO_EFFECT, inert=True),
    Flag("allowed-origins", "", NO_EFFECT, inert=True),
    Flag("log-file", "", NO_EFFECT, inert=True),
    Flag("hot-reload-reconcile-interval", "", NO_EFFECT, inert=True),
    Flag("app-binding-options-timeout", "", NO_EFFECT, inert=True),
    Flag("actors-service", "", NO_EFFECT, inert=True),
    Flag("reminders-service", "", NO_EFFECT, inert=True),
)  # fmt: skip

BY_NAME: Final[Mapping[str, Flag]] = {flag.name: flag for flag in FLAGS}

TRUE: Final = frozenset({"1", "t", "T", "true", "TRUE", "True"})
FALSE: Final = frozenset({"0", "f", "F", "false", "FALSE", "False"})


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
        return self.converted(name, _boolean)

    def converted(self, name: str, convert: Callable[[str], T]) -> T:
        """The value through `convert`; its ValueError becomes a CommandError."""
        text = self.text(name)
        try:
            return convert(text)
        except ValueError as error:
            kind = "a whole number" if convert is int else "`true` or `false`" if convert is _boolean else ""
            problem = f"--{name} {text!r} is not {kind}" if kind else f"--{name}: {error}"
            raise CommandError(problem, BY_NAME[name].help.rstrip(".")) from error


def read_flags(arguments: Sequence[str]) -> Values:
    """Read `--flag value`, `--flag=value` and the same with one dash. Raises CommandError."""
    given: dict[str, tuple[str, ...]] = {}
    rest = iter(arguments)
    for argument in rest:
        if not argument.startswith("-"):
            raise CommandError(f"{argument!r} is not a flag", "Give every setting as `--flag value`")
        name, equals, value = argument.lstrip("-").partition("=")
        flag = _known(name, argument)
        value = value if equals else _next_value(flag, rest)
        given[flag.name] = (*given.get(flag.name, ()), value)
    return Values(given)


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


def _boolean(text: str) -> bool:
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise ValueError(text)
