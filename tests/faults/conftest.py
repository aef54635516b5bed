from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from faults.abused import TOPICS, Abused
from faults.recorder import recording
from faults.shop import COMPONENTS, Shop
from faults.sidecars import daprd_beside, sidecar_beside


@pytest.fixture(params=["http", "grpc"])
def protocol(request: pytest.FixtureRequest) -> str:
    """The API by which the kit asks its sidecar."""
    name: str = request.param
    return name


@pytest.fixture
def shop(shop_over_http: Shop, protocol: str) -> Shop:
    return replace(shop_over_http, protocol=protocol)


@pytest.fixture(scope="module")
def shop_over_http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    folder = tmp_path_factory.mktemp("shop")
    with (
        recording({"pubsubname": "pubsub", "topic": "orders"}) as recorder,
        sidecar_beside(folder, COMPONENTS, "--max-body-size", "64Ki", app_port=recorder.port) as sidecar,
    ):
        yield Shop(sidecar, recorder)
        assert "Traceback" not in sidecar.program.output


@pytest.fixture(scope="module", params=["outboard", pytest.param("daprd", marks=pytest.mark.engine("daprd"))])
def abused(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Abused]:
    folder = tmp_path_factory.mktemp("abused")
    with recording(*({"pubsubname": "pubsub", "topic": topic} for topic in TOPICS)) as recorder:
        is_daprd = request.param == "daprd"
        if is_daprd:
            executable: Path = request.getfixturevalue("daprd")
            starting = daprd_beside(executable, folder, COMPONENTS, app_port=recorder.port)
        else:
            starting = sidecar_beside(folder, COMPONENTS, app_port=recorder.port)
        with starting as sidecar:
            yield Abused(sidecar, recorder, is_daprd)
            assert "Traceback" not in sidecar.program.output
            assert not sidecar.program.ended
