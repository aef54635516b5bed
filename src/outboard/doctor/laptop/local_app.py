"""The apps to look at on this machine: those of a run, or one whose sidecar was started by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from outboard.doctor.evidence import RunSeen
from outboard.run.sidecars.daprd_probe import api_host
from outboard.runs.finding import KnownRun, tokens_of
from outboard.runs.folder import RunFolder
from outboard.runs.record import RunningApp
from outboard.sidecar.channel.exchange import app_url

__all__ = ["LocalApp", "run_seen", "targets_of"]

API_TOKEN: Final = "DAPR_API_TOKEN"
APP_TOKEN: Final = "APP_API_TOKEN"


@dataclass(frozen=True, slots=True)
class LocalApp:
    """One app with its sidecar. `engine` is empty where it is not known; `read_at` is when its sidecar has
    read its files, None where it follows them. The tokens are secret.
    """

    app: RunningApp
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    engine: str = ""
    log: Path | None = None
    app_log: Path | None = None
    read_at: datetime | None = None

    @property
    def sidecar_url(self) -> str:
        return app_url("http", api_host(self.app.sidecar), self.app.http_port)

    @property
    def app_url(self) -> str:
        return app_url(self.app.app_protocol, self.app.app_host, self.app.app_port)

    @property
    def api_token(self) -> str:
        return self.tokens.get(API_TOKEN, "")

    @property
    def app_token(self) -> str:
        return self.tokens.get(APP_TOKEN, "")


def targets_of(run: KnownRun, app_id: str = "") -> list[LocalApp]:
    """The apps of a run, or the one of that name."""
    tokens, folder = tokens_of(run), RunFolder(run.path)
    return [
        LocalApp(
            app,
            tokens.get(app.app_id, {}),
            run.record.engine,
            folder.log(app.app_id, "sidecar"),
            folder.log(app.app_id, "app"),
            run.record.started if run.record.engine == "outboard" and not app.reload else None,
        )
        for app in run.record.apps
        if not app_id or app.app_id == app_id
    ]


def run_seen(run: KnownRun) -> RunSeen:
    """What there is to say of the run itself."""
    record = run.record
    return RunSeen(
        record.run_id,
        record.engine,
        run.state.value,
        record.started,
        record.problem,
        record.ready,
    )
