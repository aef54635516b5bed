"""`outboard manifests`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from outboard.manifests.assembling import FileSet
    from outboard.manifests.ownership import Decision

__all__ = ["manifests"]


def manifests(
    run_file: Annotated[
        Path,
        typer.Option("--run-file", "-f", help="The run file, or its folder.", metavar="FILE"),
    ] = Path("dapr.yaml"),
    to: Annotated[
        Path, typer.Option("--to", help="The folder that is written into.", metavar="FOLDER")
    ] = Path("kubernetes"),
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="The namespace (default: that of dapr.yaml, or of all resources).",
            metavar="NAME",
            show_default=False,
        ),
    ] = "",
    resources: Annotated[
        list[Path] | None,
        typer.Option(
            "--resources",
            help="Load the resources of this folder, in the place of those that the apps name; may be given "
            "more than once.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            help="What a variable that a component names by `envRef` is in the cluster; may be given more "
            "than once.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            help="Write a `kafka` or `redis` to try with, too; may be given more than once.",
            metavar="BROKER",
            show_default=False,
        ),
    ] = None,
    kustomize: Annotated[
        bool, typer.Option("--kustomize", help="Write a Kustomize base, and an overlay to begin with.")
    ] = False,
    keda: Annotated[
        bool, typer.Option("--keda", help="Scale the apps that have `scale` in dapr.yaml, by KEDA.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Write edited files again, too: what was edited is lost.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit code 1 where something would be written.")
    ] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or for programs.")
    ] = OutputFormat.text,
) -> None:
    """Write Kubernetes manifests for the apps of a dapr.yaml.

    A namespace, for each app a Deployment with its sidecar's annotations, probes and limits, a Service, a
    disruption budget, a network policy and a Containerfile, and the resources that the apps load, with
    secrets by reference. What is not to be guessed stands below `x-kubernetes` in dapr.yaml.

    A file that was written before and not edited since is written again or removed; one that was edited is
    left alone. The same input always gives the same files.

    \b
    Examples:
      outboard manifests                                 into the folder kubernetes
      outboard manifests --with kafka --with redis       with brokers to try with
      outboard manifests --resources components/cloud    with the components of the cluster
      outboard manifests --set KAFKA_BROKERS=kafka:9092
      outboard manifests --kustomize --to deploy         base and overlays/production
      outboard manifests --check                         is everything up to date?
    """
    from outboard.manifests.assembling import ManifestOptions
    from outboard.manifests.ownership import FileState
    from outboard.manifests.reading import read_system
    from outboard.manifests.writing import carry_out, decide, make_files

    system = read_system(run_file, namespace, resources or [], _values(set_ or []), _brokers(with_ or []))
    made = make_files(system, to, run_file, ManifestOptions(keda, kustomize))
    decisions = decide(made, to, force=force)
    if not check:
        carry_out(decisions, to)
    _tell(decisions, made, system.namespace, to, output)
    if check and any(each.state not in (FileState.unchanged, FileState.kept) for each in decisions):
        raise typer.Exit(1)


def _values(given: Sequence[str]) -> Mapping[str, str]:
    from outboard.errors import CommandError

    for each in given:
        if not each.partition("=")[0] or "=" not in each:
            raise CommandError(f"--set {each}: there is no value", "Write NAME=VALUE.")
    return {name: value for name, _, value in (each.partition("=") for each in given)}


def _brokers(given: Sequence[str]) -> Sequence[str]:
    from outboard.errors import CommandError
    from outboard.manifests.settings import TO_TRY_WITH

    for each in given:
        if each not in TO_TRY_WITH:
            raise CommandError(
                f"--with {each}: there is none to try with", f"There are: {', '.join(TO_TRY_WITH)}."
            )
    return given


def _tell(
    decisions: Sequence[Decision], made: FileSet, namespace: str, to: Path, output: OutputFormat
) -> None:

    from outboard.manifests.ownership import FileState
    from outboard.manifests.secrecy import how_to_create

    commands = {each.name: how_to_create(each, namespace) for each in made.secrets}
    if output is OutputFormat.json:
        files = [{"path": (to / each.name).as_posix(), "state": each.state.value} for each in decisions]
        secrets = [
            {"name": each.name, "keys": list(each.keys), "command": commands[each.name]}
            for each in made.secrets
        ]
        told = {"namespace": namespace, "files": files, "secrets": secrets}
        write_json(told)
        return
    for each in decisions:
        if each.state is not FileState.unchanged:
            typer.echo(f"{each.state.value}: {to / each.name}{_why(each)}")
    if all(each.state is FileState.unchanged for each in decisions):
        typer.echo("everything is up to date")
    if commands:
        typer.echo("Create these Secrets first, with the values in the place of the dots:")
        for command in commands.values():
            typer.echo(f"  {command}")


def _why(decision: Decision) -> str:
    from outboard.manifests.ownership import FileState

    return " (edited by hand; --force writes it again)" if decision.state is FileState.kept else ""
