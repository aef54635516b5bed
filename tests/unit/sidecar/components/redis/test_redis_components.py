"""What the Redis components say before, and without, any server."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.redis import pubsub as pubsub_redis
from outboard.sidecar.components.redis import state as state_redis
from support.processes import free_ports
from support.redis_component import properties

CONNECTING = "outboard.sidecar.components.redis.client.connecting"


@pytest.mark.anyio
@pytest.mark.parametrize("adapter", [pubsub_redis, state_redis])
async def test_without_the_client_library_the_start_says_how_to_get_it(
    adapter: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, CONNECTING, None)

    with pytest.raises(ComponentInitFailed) as caught:
        await adapter.create(properties("state.redis", redisHost="localhost"), ComponentContext("app"))

    assert caught.value.advice == "Run: pip install 'outboard[redis]'."


@pytest.mark.anyio
async def test_queries_are_refused_at_the_start() -> None:
    with pytest.raises(ComponentInitFailed, match="`queryIndexes` asks for queries"):
        await state_redis.create(
            properties("state.redis", redisHost="localhost", queryIndexes="[]"), ComponentContext("app")
        )


@pytest.mark.parametrize(
    ("adapter", "name", "near"),
    [
        (pubsub_redis, "redisHosts", "redisHost"),
        (pubsub_redis, "processingTimeouts", "processingTimeout"),
        (state_redis, "redisPasword", "redisPassword"),
    ],
)
def test_a_misspelled_item_gets_the_near_name(adapter: ModuleType, name: str, near: str) -> None:
    component = properties("state.redis", **{name: "x"}).component

    (finding,) = adapter.METADATA.findings(component)

    assert f"no metadata item `{name}`" in finding.problem
    assert f"`{near}`" in finding.advice


@pytest.mark.anyio
async def test_an_interval_that_daprd_ignores_is_told_of() -> None:
    (port,) = free_ports(1)
    wanted = properties(
        "pubsub.redis", redisHost=f"127.0.0.1:{port}", redeliverInterval="30s", maxLenApprox="1",
        streamTTL="1h", redisMaxRetries="-1",
    )  # fmt: skip

    with pytest.raises(Exception, match="error connecting to redis"):
        await pubsub_redis.create(wanted, ComponentContext("app"))

    assert "`redeliverInterval` counts only as a number of milliseconds" in wanted.findings[0].problem
    assert "of `maxLenApprox` and `streamTTL` only the first counts" in wanted.findings[1].problem
