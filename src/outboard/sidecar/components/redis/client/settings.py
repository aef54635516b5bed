"""How to reach a Redis server, read from a component's metadata as daprd reads it. Pure.

Source: Dapr, "Redis" of the pub/sub and state store components reference; daprd 1.18 for what it refuses.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from outboard.resources import boolean, duration
from outboard.sidecar.components.metadata.properties import Properties

__all__ = [
    "CONNECTION_METADATA",
    "DEFAULT_USER",
    "Address",
    "RedisSettings",
    "pause_before",
    "read_boolean",
    "read_integer",
    "read_seconds",
]

CONNECTION_METADATA: Final[tuple[str, ...]] = (
    "redisHost", "redisPort", "redisUsername", "redisPassword", "redisDB", "redisType",
    "enableTLS", "insecureSkipTLSVerify", "clientCert", "clientKey",
    "failover", "sentinelMasterName", "sentinelUsername", "sentinelPassword",
    "redisMaxRetries", "redisMinRetryInterval", "redisMaxRetryInterval",
    "dialTimeout", "readTimeout", "writeTimeout",
    "poolSize", "poolTimeout", "minIdleConns", "maxConnAge", "idleTimeout", "idleCheckFrequency",
    "useEntraID", "useAzureAD", "useOIDC",
)  # fmt: skip
"""The metadata items of a connection, which both components take."""

UNSERVED: Final = ("useEntraID", "useAzureAD", "useOIDC")
CHECKED_ONLY: Final = ("maxConnAge", "idleTimeout", "idleCheckFrequency")
DEFAULT_PORT: Final = 6379
DEFAULT_USER: Final = "default"
INTEGER: Final = re.compile(r"[-+]?[0-9]{1,18}\Z", re.ASCII)
PORT: Final = re.compile(r"[0-9]{1,5}\Z", re.ASCII)

Address: TypeAlias = tuple[str, int]


@dataclass(frozen=True, slots=True)
class RedisSettings:
    """Times are in seconds; a timeout of None never ends.

    `addresses` are of the server, of nodes of the cluster, or of the sentinels. An attempt that fails is
    repeated `max_retries` times, after a pause that grows from `min_retry_interval` to `max_retry_interval`.
    Without a password nobody logs in; with one alone it is the server's user `default`, which a server
    without passwords lets in whatever the password is.
    """

    addresses: tuple[Address, ...]
    username: str = ""
    password: str = field(default="", repr=False)
    database: int = 0
    cluster: bool = False
    sentinel_master: str = ""
    sentinel_username: str = ""
    sentinel_password: str = field(default="", repr=False)
    tls: bool = False
    verify: bool = True
    client_certificate: str = field(default="", repr=False)
    client_key: str = field(default="", repr=False)
    max_retries: int = 3
    min_retry_interval: float = 0.008
    max_retry_interval: float = 0.512
    dial_timeout: float | None = 5.0
    timeout: float | None = 3.0
    pool_size: int = 0
    pool_timeout: float | None = 4.0

    def __str__(self) -> str:
        places = ", ".join(map(_written, self.addresses))
        return f"{places} (sentinel master '{self.sentinel_master}')" if self.sentinel_master else places

    @staticmethod
    def read(
        properties: Properties, *, max_retries: int = 0, min_retry_interval: float = 0.0
    ) -> RedisSettings:
        """The settings that `properties` ask for; the arguments are what the component has by default.

        Raises ComponentInitFailed, with the file and the line of what is missing or wrong.
        """
        _refuse_unserved(properties)
        for name in CHECKED_ONLY:
            read_seconds(properties, name)
        read_integer(properties, "minIdleConns")
        sentinel = read_boolean(properties, "failover")
        read = _timeout(properties, "readTimeout", 3.0)
        write = _timeout(properties, "writeTimeout", read)
        certificate, key = properties.string("clientCert"), properties.string("clientKey")
        return RedisSettings(
            addresses=_addresses(properties),
            username=_user(properties, "redisUsername", "redisPassword"),
            password=properties.string("redisPassword"),
            database=max(read_integer(properties, "redisDB"), 0),
            cluster=properties.string("redisType") == "cluster" and not sentinel,
            sentinel_master=_sentinel_master(properties) if sentinel else "",
            sentinel_username=_user(properties, "sentinelUsername", "sentinelPassword"),
            sentinel_password=properties.string("sentinelPassword"),
            tls=read_boolean(properties, "enableTLS"),
            verify=not read_boolean(properties, "insecureSkipTLSVerify"),
            client_certificate=certificate if key else "",
            client_key=key if certificate else "",
            max_retries=max(read_integer(properties, "redisMaxRetries", max_retries) or 3, 0),
            min_retry_interval=_interval(properties, "redisMinRetryInterval", min_retry_interval) or 0.008,
            max_retry_interval=_interval(properties, "redisMaxRetryInterval", 0.0) or 0.512,
            dial_timeout=_timeout(properties, "dialTimeout", 5.0),
            timeout=None if read is None or write is None else max(read, write),
            pool_size=max(read_integer(properties, "poolSize"), 0),
            pool_timeout=_timeout(properties, "poolTimeout", None if read is None else read + 1),
        )


def pause_before(attempt: int, settings: RedisSettings, random: Callable[[], float]) -> float:
    """Seconds before attempt number `attempt` (the second is 1): jittered, and doubled each time.

    Source: go-redis, `MinRetryBackoff` and `MaxRetryBackoff` of its options, which daprd's items set.
    """
    least, most = settings.min_retry_interval, settings.max_retry_interval
    if least >= most:
        return most
    grown = least * 2.0 ** min(attempt - 1, 40)
    return min(least + random() * grown, most)


def read_integer(properties: Properties, name: str, default: int = 0) -> int:
    """A whole number; an item that is there but empty is none. Raises ComponentInitFailed."""
    if name not in properties:
        return default
    if not INTEGER.match(properties[name]):
        raise properties.failure(f"`{name}` must be a whole number", "Write digits only.", name)
    return int(properties[name])


def read_boolean(properties: Properties, name: str, default: bool = False) -> bool:
    """As Go's `strconv.ParseBool`, stricter than other components. Raises ComponentInitFailed."""
    if name not in properties:
        return default
    try:
        return boolean.parse(properties[name])
    except ValueError:
        reason = f'`{name}` must be "true" or "false"'
        raise properties.failure(reason, "Write one of the two.", name) from None


def read_seconds(properties: Properties, name: str, default: float = 0.0) -> float:
    """A duration; a bare number is milliseconds, below 0 it is none, -1. Raises ComponentInitFailed."""
    if name not in properties:
        return default
    text = properties[name]
    try:
        return max(int(text) / 1_000, -1.0) if INTEGER.match(text) else duration.parse(text)
    except ValueError:
        # Without the text, nor the error that holds it: it may come from a secret.
        advice = "Write for instance `500ms`, `5s` or `1m30s`; a number alone is milliseconds."
        raise properties.failure(f"`{name}` is not a duration", advice, name) from None


def _user(properties: Properties, name: str, password: str) -> str:
    """Who logs in; empty where nobody does."""
    user = properties.string(name)
    if properties.string(password):
        return user or DEFAULT_USER
    if user:
        problem = f"`{name}` is not used: without `{password}` nobody logs in"
        properties.warn(problem, f"Add `{password}`, or take `{name}` away.", name)
    return ""


def _interval(properties: Properties, name: str, default: float) -> float:
    """A pause, of which one below 0 means none at all."""
    seconds = read_seconds(properties, name, default)
    return 1e-9 if seconds < 0 else seconds


def _timeout(properties: Properties, name: str, default: float | None) -> float | None:
    """0 stands for the default, a negative number for none."""
    seconds = read_seconds(properties, name)
    if seconds == 0:
        return default
    return None if seconds < 0 else seconds


def _refuse_unserved(properties: Properties) -> None:
    for name in UNSERVED:
        if read_boolean(properties, name):
            reason = f"`{name}` asks for a way to log in that this sidecar does not serve"
            advice = "Use `redisUsername` and `redisPassword`, or the real daprd (`--engine daprd`)."
            raise properties.failure(reason, advice, name)


def _sentinel_master(properties: Properties) -> str:
    master = properties.string("sentinelMasterName")
    if not master:
        advice = "Add `sentinelMasterName`, or take `failover` away."
        raise properties.failure("`failover` needs the name of the sentinels' master", advice, "failover")
    return master


def _addresses(properties: Properties) -> tuple[Address, ...]:
    text = properties.required("redisHost")
    given = properties.get("redisPort")
    port = _port(properties, given, "redisPort") if given is not None else 0
    return tuple(_address(properties, each.strip(), port) for each in text.split(",") if each.strip())


def _address(properties: Properties, text: str, given: int) -> Address:
    """`host`, `host:port`, `[v6]` or `[v6]:port`."""
    if "://" in text:
        advice = "Write host:port only; `enableTLS`, `redisDB` and the password have items of their own."
        raise properties.failure("`redisHost` must not be a URL", advice, "redisHost")
    host, colon, after = text.rpartition(":")
    if not colon or after.endswith("]") or (":" in host and not host.startswith("[")):
        return text.strip("[]"), given or DEFAULT_PORT
    port = _port(properties, after, "redisHost")
    if given and given != port:
        reason = f"`redisHost` already has port {port}, but `redisPort` is {given}"
        raise properties.failure(reason, "Take one of the two away.", "redisPort")
    return host.strip("[]"), port


def _written(address: Address) -> str:
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _port(properties: Properties, text: str, name: str) -> int:
    if not PORT.match(text) or int(text) > 65_535:
        raise properties.failure(f"`{name}` has no valid port", "Write a number from 1 to 65535.", name)
    return int(text)
