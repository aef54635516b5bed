"""What is run, every port, command line and variable decided, and what was asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from outboard.resources.finding import Finding
from outboard.run.plan.template import AppSpec, Destination
from outboard.run.plan.tokens import TokenUse

__all__ = ["AppPlan", "ChosenApps", "RunOptions", "RunPlan"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line asks of a run: the apps that a debugger starts, and restarts on change.

    `resources` are folders in the place of those that the apps name; empty leaves them these. `daprd` is
    the executable that serves as sidecar; None is Outboard's own, in this process. `tokens` says which are
    made. With `keep_going` an app that fails ends nothing else; with `strict` a warning about a file is an
    error.
    """

    attach: frozenset[str] = frozenset()
    reload: bool = False
    resources: tuple[str, ...] = ()
    daprd: Path | None = None
    tokens: TokenUse = TokenUse.OPTIONAL
    keep_going: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class ChosenApps:
    """The apps of a run; `notes` say what was decided for a person, `findings` are about their files.

    `run_file` is where they are described; None for one of the command line.
    """

    specs: Sequence[AppSpec]
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    run_file: Path | None = None


@dataclass(frozen=True, slots=True)
class AppPlan:
    """One app and its sidecar.

    `variables` are what Dapr tells an app through its environment, `tokens` those made for this run,
    `own_variables` what its author adds; these two and what is `inherited` may hold secrets and stay out of
    the repr. With `api_token_optional` the sidecar takes calls without a token too, but for those of
    browsers. `app_port` 0: the app is not called. `sidecar` is daprd's command line. An app without a
    `command` is not started here; `attached` says that somebody else starts it, as often as they like. With
    `keep_going` its failure ends nothing else. Nobody chose the `picked_ports`: others would do as well.
    """

    app_id: str
    directory: Path
    command: tuple[str, ...]
    app_port: int
    app_host: str
    http_port: int
    grpc_port: int
    sidecar: tuple[str, ...]
    origin: str
    variables: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, str] = field(default_factory=dict, repr=False)
    own_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    inherited: Mapping[str, str] = field(default_factory=dict, repr=False)
    api_token_optional: bool = False
    attached: bool = False
    reload: bool = False
    keep_going: bool = False
    app_log: Destination = Destination.CONSOLE
    sidecar_log: Destination = Destination.CONSOLE
    picked_ports: frozenset[int] = frozenset()
    span_variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Where the app is to send its spans: for the app alone, as its sidecar would send some there, too."""

    @property
    def started_here(self) -> bool:
        return bool(self.command) and not self.attached

    @property
    def name(self) -> str:
        """How to call it in a message: with the place where it was written."""
        return f"app '{self.app_id}' ({self.origin})"

    @property
    def may_restart(self) -> bool:
        """Whether the app may go away and come back, so that its events have to wait for it."""
        return self.attached or self.reload

    @property
    def added_environment(self) -> dict[str, str]:
        """The variables that whoever starts the app has to add."""
        return {**self.variables, **self.tokens, **self.own_variables, **self.span_variables}

    @property
    def full_environment(self) -> dict[str, str]:
        """All the variables of the app's sidecar, and of its process but for where that sends spans."""
        return {**self.inherited, **self.variables, **self.tokens, **self.own_variables}


@dataclass(frozen=True, slots=True)
class RunPlan:
    """`daprd` is the sidecars' executable; None where they are Outboard's own.

    `notes` say what was decided for a person, `findings` what they should know of the run file, which is
    None for an app of the command line. With `strict` no warning about a file is passed over.
    """

    apps: tuple[AppPlan, ...]
    daprd: Path | None = None
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    strict: bool = False
    run_file: Path | None = None

    def app(self, app_id: str) -> AppPlan | None:
        """None where no app is called so."""
        return next((app for app in self.apps if app.app_id == app_id), None)
