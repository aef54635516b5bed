"""The ways to reach a real Redis: passwords, TLS, sentinels, a cluster; and none at all."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
import redis.asyncio as client

from contract.promises import Inbox, consuming
from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.port import ComponentError, Message, Set, StateOptions
from support.certificates import self_signed
from support.engines import engine
from support.processes import free_ports
from support.redis import RedisServer, accepts_commands
from support.redis_component import redis_pubsub, redis_state
from support.servers import Server

pytestmark = [pytest.mark.anyio, pytest.mark.engine("redis")]

PASSWORD = "p4ssw0rd-of-redis"
StartRedis = Callable[..., RedisServer]
CLUSTER = ("--cluster-enabled", "yes", "--cluster-port", "{secured_port}")


def client_of(**options: Any) -> Any:
    """The library's types say less than its commands return."""
    return client.Redis(**options)


async def until(reached: Callable[[], Awaitable[bool]]) -> None:
    """Servers that find each other say so only when they are asked."""
    for _ in range(600):
        if await reached():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("not within 30 s")


async def is_formed(admin: Any) -> bool:
    return b"cluster_state:ok" in await admin.execute_command("CLUSTER", "INFO", NEVER_DECODE=True)


async def is_replica(admin: Any) -> bool:
    return bool((await admin.info("replication"))["master_link_status"] == "up")


async def works(**metadata: str) -> None:
    """Both components do their work."""
    async with redis_state(**metadata) as state:
        await state.set(Set("k", {"a": 1}))
        await state.transact([Set("k", 2), Set("k", 3)])
        assert (await state.get(["k"]))["k"].data == b"3"
    inbox = Inbox()
    async with redis_pubsub(**metadata) as pubsub, consuming(pubsub, "topic", inbox):
        await pubsub.publish("topic", Message(b"1"))
        assert await pubsub.publish_many("topic", [Message(b"2"), Message(b"3")]) == {}
        assert sorted(await inbox.data(3))[-3:] == [b"1", b"2", b"3"]


@pytest.fixture(scope="module")
def guarded(redis_servers: StartRedis) -> RedisServer:
    return redis_servers("--requirepass", PASSWORD)


async def test_a_password(guarded: RedisServer, caplog: pytest.LogCaptureFixture) -> None:
    await works(redisHost=guarded.address, redisPassword=PASSWORD)

    assert "lets anybody in" not in caplog.text


async def test_a_user_with_a_password(guarded: RedisServer) -> None:
    async with client_of(port=guarded.port, password=PASSWORD) as admin:
        await admin.acl_setuser(
            "ann", enabled=True, passwords=["+secret-of-ann"], keys=["*"], categories=["+@all"]
        )

    await works(redisHost=guarded.address, redisUsername="ann", redisPassword="secret-of-ann")


@pytest.mark.parametrize("password", ["wr0ng-passw0rd", ""])
async def test_a_wrong_password_is_not_in_the_message(
    guarded: RedisServer, password: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    with pytest.raises(ComponentError, match=f"error connecting to redis at {guarded.address}") as caught:
        async with redis_state(redisHost=guarded.address, redisPassword=password):
            pass

    assert "wr0ng" not in str(caught.value) + caplog.text + repr(caught.value.__cause__)


@pytest.mark.parametrize("user", ["", "default"])
async def test_a_password_that_nobody_asks_for(
    redis: RedisServer, user: str, caplog: pytest.LogCaptureFixture
) -> None:
    await works(redisHost=redis.address, redisUsername=user, redisPassword=PASSWORD)

    assert "lets anybody in: `redisPassword` protects nothing there" in caplog.text
    assert PASSWORD not in caplog.text


async def test_a_user_that_is_not_there_is_let_in_nowhere(redis: RedisServer) -> None:
    with pytest.raises(ComponentError, match="did not let us in"):
        async with redis_state(redisHost=redis.address, redisUsername="ann", redisPassword=PASSWORD):
            pass


async def test_a_user_without_a_password_does_not_log_in(redis: RedisServer) -> None:
    await works(redisHost=redis.address, redisUsername="ann")


async def test_a_database_below_zero_is_the_first(redis: RedisServer) -> None:
    await works(redisHost=redis.address, redisDB="-1")


async def test_the_host_and_the_port_apart(redis: RedisServer) -> None:
    await works(redisHost="127.0.0.1", redisPort=str(redis.port))


async def test_a_database_of_its_own(redis: RedisServer) -> None:
    async with redis_state(redisHost=redis.address, redisDB="3") as state:
        await state.set(Set("in-3", 1))

    async with client_of(port=redis.port, db=3) as third, client_of(port=redis.port) as first:
        assert await third.exists("in-3")
        assert not await first.exists("in-3")


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return self_signed(tmp_path_factory.mktemp("certificates"), "redis")


@pytest.fixture(scope="module")
def secured(redis_servers: StartRedis, certificates: tuple[Path, Path]) -> RedisServer:
    """It asks its clients for a certificate."""
    certificate, key = map(str, certificates)
    return redis_servers(
        "--tls-port", "{secured_port}", "--tls-cert-file", certificate, "--tls-key-file", key,
        "--tls-ca-cert-file", certificate,
    )  # fmt: skip


def secured_metadata(server: RedisServer, certificates: tuple[Path, Path]) -> dict[str, str]:
    certificate, key = (path.read_text(encoding="utf-8") for path in certificates)
    host = f"127.0.0.1:{server.secured_port}"
    return {"redisHost": host, "enableTLS": "true", "clientCert": certificate, "clientKey": key}


async def test_tls_with_a_certificate_that_the_system_trusts(
    secured: RedisServer, certificates: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates[0]))

    await works(**secured_metadata(secured, certificates))


async def test_tls_without_looking_at_the_certificate(
    secured: RedisServer, certificates: tuple[Path, Path]
) -> None:
    await works(**secured_metadata(secured, certificates), insecureSkipTLSVerify="true")


async def test_tls_with_a_certificate_that_nobody_knows(
    secured: RedisServer, certificates: tuple[Path, Path]
) -> None:
    with pytest.raises(ComponentError, match=r"(?i)certificate.verify.failed") as caught:
        async with redis_state(**secured_metadata(secured, certificates), redisMaxRetries="-1"):
            pass

    assert "PRIVATE KEY" not in str(caught.value)


async def test_tls_without_the_certificate_that_the_server_asks_for(secured: RedisServer) -> None:
    metadata = {"redisHost": f"127.0.0.1:{secured.secured_port}", "redisMaxRetries": "-1"}

    with pytest.raises(ComponentError, match="no answer from Redis"):
        async with redis_state(**metadata, enableTLS="true", insecureSkipTLSVerify="true"):
            pass


async def test_tls_at_a_port_without_it_is_told(redis: RedisServer) -> None:
    with pytest.raises(ComponentInitFailed, match="answers without TLS, and not with it") as caught:
        async with redis_state(redisHost=redis.address, enableTLS="true"):
            pass

    assert caught.value.line == 12
    assert "`enableTLS`" in str(caught.value)


@pytest.mark.parametrize("item", ["clientCert", "clientKey"])
async def test_what_is_no_certificate_ends_at_once_at_its_line(
    secured: RedisServer, certificates: tuple[Path, Path], caplog: pytest.LogCaptureFixture, item: str
) -> None:
    junk = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n"
    with pytest.raises(ComponentInitFailed, match="`clientCert` and `clientKey` cannot be used") as caught:
        async with redis_state(**{**secured_metadata(secured, certificates), item: junk}):
            pass

    assert caught.value.line == 13
    assert "attempt" not in caplog.text
    assert "anVuaw" not in str(caught.value)


async def test_a_cluster(redis_servers: StartRedis) -> None:
    server = redis_servers(*CLUSTER)
    async with client_of(port=server.port) as admin:
        await admin.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
        await until(functools.partial(is_formed, admin))

    await works(redisHost=server.address, redisType="cluster")


async def test_a_transaction_over_several_nodes_of_a_cluster(redis_servers: StartRedis) -> None:
    servers = [redis_servers(*CLUSTER) for _ in range(2)]
    halves = [(0, 8191), (8192, 16383)]
    for server, (first, last) in zip(servers, halves, strict=True):
        async with client_of(port=server.port) as admin:
            await admin.execute_command("CLUSTER", "ADDSLOTSRANGE", first, last)
            await admin.execute_command(
                "CLUSTER", "MEET", "127.0.0.1", servers[0].port, servers[0].secured_port
            )
    async with client_of(port=servers[0].port) as admin:
        await until(functools.partial(is_formed, admin))
    keys = [f"app||{number}" for number in range(20)]

    async with redis_state(redisHost=servers[0].address, redisType="cluster") as state:
        await state.transact([Set(key, index) for index, key in enumerate(keys)])

        found = await state.get(keys)

    assert [found[key].data for key in keys] == [str(index).encode() for index in range(20)]


@pytest.fixture
def sentinel(pytestconfig: pytest.Config, redis: RedisServer, tmp_path: Path) -> Iterator[Server]:
    """It watches over `redis` under the name mymaster."""
    executable, (port,) = engine("redis", pytestconfig), free_ports(1)
    configuration = tmp_path / "sentinel.conf"
    lines = (f"port {port}", "bind 127.0.0.1", f"sentinel monitor mymaster 127.0.0.1 {redis.port} 1", "")
    configuration.write_text("\n".join(lines), encoding="utf-8")
    command = [str(executable), str(configuration), "--sentinel"]
    server = Server("sentinel", command, port, tmp_path, accepts_commands)
    server.start()
    yield server
    server.stop()


async def test_the_master_that_a_sentinel_names(sentinel: Server) -> None:
    found = {"redisHost": sentinel.address, "failover": "true", "redisMaxRetries": "-1"}

    await works(**found, sentinelMasterName="mymaster")
    with pytest.raises(ComponentError, match="no answer from Redis"):
        async with redis_state(**found, sentinelMasterName="nobody"):
            pass


async def test_a_server_that_is_away_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    (port,) = free_ports(1)
    address = f"127.0.0.1:{port}"

    with pytest.raises(ComponentError) as caught:
        async with redis_pubsub(redisHost=address, redisMaxRetries="2"):
            pass

    reason = f"no answer from Redis at {address}: connection refused"
    assert str(caught.value) == f"redis streams: error connecting to redis at {address}: {reason}"
    tried = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert [line.partition(" follows in")[0] for line in tried] == [
        f"component 'thing': {reason}; attempt 2 of 3",
        f"component 'thing': {reason}; attempt 3 of 3",
    ]


async def test_strong_consistency_waits_for_the_replicas(redis_servers: StartRedis) -> None:
    master, replica = redis_servers(), redis_servers()
    async with client_of(port=replica.port) as admin:
        await admin.replicaof("127.0.0.1", master.port)
        await until(functools.partial(is_replica, admin))
        async with redis_state(redisHost=master.address) as state:
            await state.set(Set("k", 1, options=StateOptions(consistency="strong")))
            assert await admin.hget("k", "data") == b"1"


async def test_more_topics_than_a_pool_has_connections(redis: RedisServer) -> None:
    inbox = Inbox()
    async with (
        redis_pubsub("many", redisHost=redis.address, poolSize="2") as pubsub,
        AsyncExitStack() as all_of,
    ):
        for number in range(120):
            await all_of.enter_async_context(consuming(pubsub, f"many-{number}", inbox))
        for number in range(120):
            await pubsub.publish(f"many-{number}", Message(str(number).encode()))

        assert len(set(await inbox.data(120))) == 120
