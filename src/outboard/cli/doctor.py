"""`outboard doctor`."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from outboard.cli.cluster_options import Context, Kubeconfig
from outboard.cli.json_output import write_json
from outboard.cli.parameters import OutputFormat

if TYPE_CHECKING:
    from outboard.clock import Clock
    from outboard.doctor.evidence import Evidence
    from outboard.doctor.examination import Examination
    from outboard.doctor.port import Look
    from outboard.doctor.results import Diagnosis

__all__ = ["doctor"]

T = TypeVar("T")

BROKEN = 1
COULD_NOT_LOOK = 2
MOST_PORT = 65535


def doctor(
    run_file: Annotated[
        Path | None,
        typer.Option(
            "--run-file",
            "-f",
            help="Of the runs, the newest of this dapr.yaml or folder (default: the newest that runs).",
            show_default=False,
        ),
    ] = None,
    run_id: Annotated[
        str,
        typer.Option("--run", help="The run of this id, a past one too.", metavar="ID", show_default=False),
    ] = "",
    app_id: Annotated[
        str,
        typer.Option("--app-id", "-a", help="Look at this app alone.", metavar="APP", show_default=False),
    ] = "",
    app_port: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_PORT, help="Port of an app whose sidecar was started by hand.", metavar="PORT"
        ),
    ] = 0,
    dapr_http_port: Annotated[
        int,
        typer.Option(
            min=0,
            max=MOST_PORT,
            help="Port of a sidecar that was started by hand; then no run is looked for.",
            metavar="PORT",
        ),
    ] = 0,
    resources_path: Annotated[
        list[Path] | None,
        typer.Option(
            "--resources-path",
            "-d",
            help="Folder of its component files; with --pre, of the manifests that are to be deployed.",
            metavar="FOLDER",
            show_default=False,
        ),
    ] = None,
    outbox: Annotated[
        list[str] | None,
        typer.Option(
            help="Database of an outbox, to look into (read only): `sqlite:///shop.db`. May be repeated.",
            metavar="URL",
            show_default=False,
        ),
    ] = None,
    namespace: Annotated[
        str,
        typer.Option(
            "--namespace",
            "-n",
            help="Look at this namespace of a Kubernetes cluster instead.",
            metavar="NAMESPACE",
            show_default=False,
        ),
    ] = "",
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    pre: Annotated[
        bool,
        typer.Option(
            "--pre", help="With --namespace: may I deploy here, and are Dapr and the secrets there?"
        ),
    ] = False,
    canary: Annotated[
        bool,
        typer.Option(
            "--canary",
            help="Publish a canary to each topic that only apps of the kit take, which answer it themselves.",
        ),
    ] = False,
    wait: Annotated[
        str,
        typer.Option(
            help="Look again until every hop is well, for so long at most (`2m`).",
            metavar="TIME",
            show_default=False,
        ),
    ] = "",
    watch: Annotated[bool, typer.Option("--watch", help="Go on, and say so when something changes.")] = False,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Write all that was seen to this file, without secrets: for an issue.",
            metavar="FILE",
            show_default=False,
        ),
    ] = None,
    short: Annotated[bool, typer.Option("--short", help="Show only what is not well.")] = False,
    output: Annotated[
        OutputFormat, typer.Option("--output", "-o", help="For people, or a JSON object.")
    ] = OutputFormat.text,
) -> None:
    """Say where events stay: hop by hop, to the first that is broken.

    It walks from the app's port to the dead letters. It looks at the newest `outboard run` of this machine,
    at one sidecar that was started by hand, with Outboard's sidecar or daprd, or at a namespace of Kubernetes
    (which needs the extra `kubernetes`). It changes nothing,
    but for --canary. Exit code 0: every hop is well; 1: one is broken; 2: it could not look.

    \b
    Examples:
      outboard doctor                            the newest run
      outboard doctor -f todo --short            that of a folder; only what is not well
      outboard doctor --app-id api --app-port 8000 --dapr-http-port 3500
      outboard doctor --wait 2m                  as soon as every hop is well
      outboard doctor --namespace todo-chatbot   on Kubernetes
      outboard doctor --namespace todo-chatbot --pre -d deploy/kubernetes
      outboard doctor -o json
    """
    import os
    from dataclasses import replace

    from outboard.clock import SystemClock
    from outboard.doctor.laptop.choosing import chosen_look
    from outboard.errors import CommandError

    if watch and (wait or bundle or canary):
        raise CommandError("--watch goes with none of --wait, --bundle and --canary", "Leave it out.")
    of_cluster = {"--context": context, "--kubeconfig": kubeconfig, "--pre": pre}
    if not namespace and (given := [name for name, value in of_cluster.items() if value]):
        of_files = " Whether files are right says `outboard check`, before anything runs." if pre else ""
        raise CommandError(
            f"{' and '.join(given)} {'asks' if len(given) == 1 else 'ask'} of a namespace of a cluster",
            f"Name it with --namespace.{of_files}",
        )
    if namespace and (run_file or run_id or app_port or dapr_http_port or canary or outbox):
        raise CommandError(
            "--namespace looks at a cluster, and goes with no option of a run or a sidecar of this machine",
            "Leave the other one out.",
        )
    if namespace and resources_path and not pre:
        raise CommandError(
            "--resources-path is what is to be deployed, and goes with --namespace only beside --pre",
            "Add --pre, or leave it out: components are read from the cluster.",
        )
    if kubeconfig is not None and not kubeconfig.is_file():
        raise CommandError(f"--kubeconfig {kubeconfig}: there is no such file", "Name the one of kubectl.")
    seconds = _seconds(wait)
    if bundle is not None and (bundle.is_dir() or not bundle.parent.is_dir()):
        why = "it is a folder" if bundle.is_dir() else f"there is no folder {bundle.parent}"
        raise CommandError(f"--bundle {bundle} cannot be written: {why}", "Name a file that can be written.")
    clock = SystemClock()

    def choose() -> Look:
        if namespace:
            from outboard.doctor.kubernetes.look import KubernetesLook
            from outboard.doctor.kubernetes.manifests import read_manifests

            manifests = read_manifests(resources_path or (), namespace)
            return KubernetesLook(namespace, clock, kubeconfig, context, app_id, pre, manifests)
        look = chosen_look(
            Path.home(),
            run_file=run_file,
            run_id=run_id,
            app_id=app_id,
            app_port=app_port,
            dapr_http_port=dapr_http_port,
            resources_paths=tuple(resources_path or ()),
            folder=Path.cwd(),
            environment=os.environ,
            clock=clock,
        )
        return replace(look, outboxes=tuple(outbox or ()))

    if watch:
        _run(_watch(choose, clock, lambda diagnosis: _show(diagnosis, output, short=short)))
        return
    found = _run(_examined(choose, clock, seconds, canary=canary))
    if bundle is not None:
        _write_bundle(bundle, found.seen, found.diagnosis)
    _show(found.diagnosis, output, short=short)
    raise typer.Exit(_exit_code(found))


def _seconds(wait: str) -> float | None:
    from outboard.errors import CommandError
    from outboard.resources import duration

    try:
        seconds = duration.parse(wait) if wait else None
    except ValueError as error:
        raise CommandError(f"--wait {wait}: {error}", "Write for instance `30s` or `2m`.") from error
    if seconds is not None and seconds < 0:
        raise CommandError(f"--wait {wait} is less than nothing", "Write for instance `30s` or `2m`.")
    return seconds


async def _examined(
    choose: Callable[[], Look], clock: Clock, seconds: float | None, *, canary: bool
) -> Examination:
    from outboard.doctor.examination import examine, until_well

    if seconds is None:
        return await examine(choose(), canary=canary)
    return await until_well(choose, clock, seconds, canary=canary)


async def _watch(choose: Callable[[], Look], clock: Clock, show: Callable[[Diagnosis], None]) -> None:
    from outboard.doctor.examination import watched

    async for found in watched(choose, clock):
        show(found.diagnosis)


def _run(work: Coroutine[object, object, T]) -> T:
    import asyncio

    from outboard.host.event_loop import new_event_loop

    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


def _write_bundle(file: Path, seen: Evidence, diagnosis: Diagnosis) -> None:
    """Raises CommandError: what is broken is told by another exit code."""
    import platform
    from importlib.metadata import version

    from outboard.doctor.output.bundle import bundle
    from outboard.errors import CommandError
    from outboard.host.private_files import private_opener

    about = {
        "outboard": version("outboard"),
        "python": platform.python_version(),
        "platform": platform.platform(),
    }
    try:
        with open(file, "w", encoding="utf-8", opener=private_opener) as opened:
            opened.write(bundle(seen, diagnosis, about))
    except OSError as error:
        told = f"--bundle {file} cannot be written: {error.strerror or error}"
        raise CommandError(told, "Name a file that can be written.") from error


def _show(diagnosis: Diagnosis, output: OutputFormat, *, short: bool) -> None:
    import os
    import sys

    from outboard.cli.console import text_writer, wants_colour
    from outboard.doctor.output.document import as_json
    from outboard.doctor.output.text import as_lines

    if output is OutputFormat.json:
        write_json(as_json(diagnosis, short=short))
        return
    signs = wants_colour(terminal=sys.stdout.isatty(), environment=os.environ)
    write: Callable[[str, int, str], None] = text_writer(sys.stdout, os.environ)
    for line in as_lines(diagnosis, signs=signs, short=short, windows=sys.platform == "win32"):
        write(*line)


def _exit_code(found: Examination) -> int:
    if not found.diagnosis.success:
        return BROKEN
    return 0 if found.looked else COULD_NOT_LOOK
