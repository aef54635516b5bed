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
    sources, install = _installed(app)
    arguments = " ".join(f'"{each}"' if SPECIAL.search(each) else each for each in install.split())
    app_files = [_below(app.folder, each) for each in build.files or (".",)]
    port = f"EXPOSE {app.port}\n" if app.port else ""
    listen = f" APP_HOST=0.0.0.0 UVICORN_HOST=0.0.0.0 APP_PORT={app.port}" if app.port else ""
    return f"""\
# The image of {app.app_id}. From {_where(app.context)}:
#   docker build -f {file} -t {app.image} .
FROM python:{build.python}-slim AS build
WORKDIR /build
{_copied(sources)}RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir {arguments}

FROM python:{build.python}-slim
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1{listen}
COPY --from=build /venv /venv
WORKDIR /app
{_copied(app_files)}RUN useradd --uid {USER} --no-create-home app
USER {USER}
{port}# The exec form, so that SIGTERM reaches the program itself: what is being handled is then finished.
CMD {json.dumps(list(app.command))}
"""


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
