"""How the image of an app is built: a Containerfile, which Docker, Podman and others read. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

from outboard.manifests.system import App
from outboard.manifests.workload import USER

__all__ = ["containerfile"]

REQUIREMENTS: Final = "requirements.txt"
SPECIAL: Final = re.compile(r"[^A-Za-z0-9_./:=@+-]")
"""What a shell would take for something else."""


def containerfile(app: App, file: str) -> str:
    """The text; `file` is its own path relative to the folder that it is built from."""
    build = app.settings.build
    app_files = [_below(app.folder, each) for each in build.files or (".",)]
    port = f"EXPOSE {app.port}\n" if app.port else ""
    listen = f" APP_HOST=0.0.0.0 UVICORN_HOST=0.0.0.0 APP_PORT={app.port}" if app.port else ""
    return f"""\
# The image of {app.app_id}. From {_where(app.context)}:
#   docker build -f {file} -t {app.image} .
{_stages_before(app)}
FROM python:{build.python}-slim
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1{listen}
WORKDIR /app
{_copied(app_files)}RUN useradd --uid {USER} --no-create-home app
USER {USER}
{port}# The exec form, so that SIGTERM reaches the program itself: what is being handled is then finished.
CMD {json.dumps(list(app.command))}
"""


def _stages_before(app: App) -> str:
    """The stages that make /venv: one, or two where what tells the dependencies is known. Then a change of
    the project's own files installs the project again, and nothing else."""
    sources, install = _installed(app)
    arguments = " ".join(f'"{each}"' if SPECIAL.search(each) else each for each in install.split())
    start = f"FROM python:{app.settings.build.python}-slim AS"
    pip = "/venv/bin/pip install --no-cache-dir"
    venv = f"RUN python -m venv /venv && {pip} {arguments}\n"
    first = app.settings.build.dependencies_from
    if not first:
        return f"{start} build\nWORKDIR /build\n{_copied(sources)}{venv}"
    rest = _copied([each for each in sources if each not in first])
    return (
        f"{start} dependencies\nWORKDIR /build\n{_copied(first)}{venv}\n"
        f"FROM dependencies AS build\n{rest}RUN {pip} --no-deps --force-reinstall {arguments}\n"
    )


def _installed(app: App) -> tuple[Sequence[str], str]:
    """What is copied to install the app's packages, and pip's arguments."""
    build = app.settings.build
    if build.install or build.install_from:
        return build.install_from, build.install or f"-r {REQUIREMENTS}"
    match app.requirements:
        case "":
            return (), "outboard"
        case "pyproject.toml":
            return (_below(app.folder, "."),), "."
        case _:
            return (_below(app.folder, app.requirements),), f"-r {app.requirements}"


def _where(context: str) -> str:
    if context == ".":
        return "the folder of dapr.yaml"
    return f"the folder {context}, seen from that of dapr.yaml"


def _below(folder: str, file: str) -> str:
    """A path relative to what the image is built from."""
    if file == ".":
        return f"{folder}/" if folder not in ("", ".") else "."
    return f"{folder}/{file}" if folder not in ("", ".") else file


def _copied(paths: Sequence[str]) -> str:
    return "".join(f"COPY {each} ./{_name(each)}\n" for each in paths)


def _name(path: str) -> str:
    """Its own name there; nothing where it is all that there is."""
    return "" if path.endswith(("/", ".")) else path.rstrip("/").rpartition("/")[2]
