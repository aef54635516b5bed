"""Options that say which cluster of Kubernetes a command is about."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

__all__ = ["Context", "Kubeconfig"]

Context: TypeAlias = Annotated[
    str,
    typer.Option(help="Of the kubeconfig (default: the current one).", metavar="CONTEXT", show_default=False),
]
Kubeconfig: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        help="File that names the cluster (default: as kubectl has it).", metavar="FILE", show_default=False
    ),
]
