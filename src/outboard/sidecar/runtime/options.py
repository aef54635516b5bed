"""What a sidecar is told at its start, as one frozen value.

Source: Dapr, "Dapr arguments and annotations"; daprd 1.18.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.channel.health import AppHealthOptions
from outboard.wire import dapr

__all__ = ["LOOPBACK", "Options"]

LOOPBACK: Final = ("127.0.0.1", "::1")
DEFAULT_MAX_HEAD_BYTES: Final = 4 * 1024


@dataclass(frozen=True, slots=True)
class Options:
    """One sidecar's settings.

    `app_port` 0 means that there is no app. `http_port` 0 means any free port. `namespace` is the raw value
    of NAMESPACE, empty where it is not set. Other sidecars call at `internal_grpc_port` (0: any free one),
    and find this one in the folder `registry`, if there is one. `graceful_shutdown` is in seconds, None waits
    for ever. `max_concurrency` 0 is unlimited. `public_port` and `metrics_port` None are none. `api_logging`
    None leaves it to the Configuration. `without_effect` are the settings given for parts that are not
    served, by name, each with its part. With `api_token_optional` a call without a token passes too, unless a
    browser makes it for a page. At least each `reload_interval` seconds it is looked whether resource files
    have changed. With `http2` the HTTP API speaks that, too, without TLS. Relative paths in component files,
    and that of the Unix socket, begin in `directory`. The tokens stay out of the repr.
    """

    app_id: str
    app_port: int = 0
    app_protocol: str = "http"
    app_channel_address: str = "127.0.0.1"
    max_concurrency: int = 0
    http_port: int = dapr.DEFAULT_HTTP_PORT
    grpc_port: int = dapr.DEFAULT_GRPC_PORT
    listen_addresses: tuple[str, ...] = LOOPBACK
    public_port: int | None = None
    public_listen_address: str = ""
    metrics_port: int | None = None
    metrics_listen_address: str = ""
    internal_grpc_port: int = 0
    internal_listen_address: str = "127.0.0.1"
    unix_domain_socket: Path | None = None
    http2: bool = True
    allowed_origins: tuple[str, ...] = ()
    config_paths: tuple[Path, ...] = ()
    resources_paths: tuple[Path, ...] = ()
    app_health: AppHealthOptions | None = None
    max_body_bytes: int = dapr.DEFAULT_MAX_BODY_BYTES
    max_head_bytes: int = DEFAULT_MAX_HEAD_BYTES
    log_level: str = "info"
    log_as_json: bool = False
    log_file: Path | None = None
    api_logging: bool | None = None
    graceful_shutdown: float | None = 5.0
    block_shutdown: float | None = None
    disabled_init_endpoints: frozenset[str] = frozenset()
    namespace: str = ""
    api_token: str = field(default="", repr=False)
    api_token_optional: bool = False
    app_api_token: str = field(default="", repr=False)
    without_effect: Mapping[str, str] = field(default_factory=dict)
    registry: Path | None = None
    directory: Path = Path()
    reload_interval: float = 60.0

    @property
    def runtime_namespace(self) -> str:
        """The namespace that names are built with: `default` where none is set."""
        return self.namespace or "default"

    @property
    def public_addresses(self) -> tuple[str, ...]:
        """Where the public port listens."""
        return (self.public_listen_address,) if self.public_listen_address else self.listen_addresses

    @property
    def metrics_addresses(self) -> tuple[str, ...]:
        """Where the port of the metrics listens."""
        return (self.metrics_listen_address,) if self.metrics_listen_address else self.listen_addresses

    @property
    def app(self) -> AppConnection:
        """How the app is reached."""
        return AppConnection(
            self.app_port, self.app_protocol, self.app_channel_address, self.max_concurrency, self.app_health
        )
