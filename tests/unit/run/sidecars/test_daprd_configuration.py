"""The Configuration that turns the hot reload of a daprd off, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from outboard.resources.configuration import Configuration
from outboard.resources.configuration_reader import read_configuration
from outboard.run.sidecars.daprd_configuration import without_hot_reload

DEFAULT = Configuration().features
OTHERS = tuple(name for name in DEFAULT if name != "HotReload")


@pytest.mark.parametrize(
    ("features", "stay"),
    [
        (DEFAULT, OTHERS),
        (("HotReload", "Mine"), ("Mine",)),
        ((*DEFAULT, "a: b"), (*OTHERS, "a: b")),
        ((), ()),
    ],
)
def test_all_features_stay_as_they_are_but_hot_reload(
    features: tuple[str, ...], stay: tuple[str, ...], tmp_path: Path
) -> None:
    file = tmp_path / "configuration.yaml"
    file.write_text(without_hot_reload(features), encoding="utf-8")
    assert set(read_configuration([file], {}).features) == set(stay)
