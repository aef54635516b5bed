from __future__ import annotations

import pytest

from outboard.sidecar.channel.app import AppConnection
from outboard.sidecar.errors import ApiError
from outboard.sidecar.metadata.service import MetadataService, Readiness, SidecarInfo

pytestmark = pytest.mark.anyio


async def test_health_follows_the_readiness() -> None:
    readiness = Readiness()
    service = MetadataService(SidecarInfo("api", AppConnection()), readiness)
    with pytest.raises(ApiError, match="dapr outbound is not ready"):
        service.check_outbound()
    readiness.outbound.set()
    service.check_outbound()
    with pytest.raises(ApiError, match=r"dapr is not ready: \[runtime\]"):
        service.check_health(None)
    readiness.runtime.set()
    service.check_health(None)
    service.check_health("api")
    with pytest.raises(ApiError, match="dapr app-id does not match") as caught:
        service.check_health("")
    assert caught.value.code == "ERR_HEALTH_APPID_NOT_MATCH"


async def test_what_clients_put_in_is_told() -> None:
    service = MetadataService(SidecarInfo("api", AppConnection(8000)), Readiness())
    service.set("cliPID", "42")
    assert service.get().extended == {"cliPID": "42"}
