"""The Configuration by which a daprd leaves it to the run to follow its files.

By itself it ends where a changed file is a mistake, and loses a component whose file cannot be read.
Source: daprd 1.18, feature `HotReload`, and the order in which it reads several `--config` files.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from outboard.resources.configuration import Configuration
from outboard.resources.configuration_reader import read_configuration
from outboard.run.plan.plan import AppPlan
from outboard.run.plan.settings import CONFIG

__all__ = ["not_following", "without_hot_reload"]

HOT_RELOAD: Final = "HotReload"


@contextmanager
def not_following(app: AppPlan) -> Iterator[tuple[str, ...]]:
    """Arguments that turn the hot reload of the daprd of `app` off, while the block runs."""
    flags = zip(app.sidecar, app.sidecar[1:], strict=False)
    paths = [app.directory / value for flag, value in flags if flag == f"--{CONFIG}"]
    features = read_configuration(paths, app.full_environment).features
    with TemporaryDirectory(prefix="outboard-") as folder:
        file = Path(folder, "configuration.yaml")
        file.write_text(without_hot_reload(features), encoding="utf-8")
        yield f"--{CONFIG}", str(file)


def without_hot_reload(features: Iterable[str]) -> str:
    """A Configuration after which `features` are on, but for this one, and none else of the default ones.

    daprd takes the features of the last file alone.
    """
    on = [name for name in features if name != HOT_RELOAD]
    off = [name for name in Configuration().features if name not in on]
    items = [f"  - {{name: {json.dumps(name)}, enabled: {enabled}}}\n"
             for names, enabled in ((on, "true"), (off, "false")) for name in names]  # fmt: skip
    return (
        "apiVersion: dapr.io/v1alpha1\nkind: Configuration\nmetadata: {name: outboard}\n"
        f"spec:\n  features:\n{''.join(items)}"
    )
