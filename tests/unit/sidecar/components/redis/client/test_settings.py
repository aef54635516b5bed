"""Connection settings out of metadata, and what is refused."""

from __future__ import annotations

import pytest

from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.redis.client.settings import RedisSettings
from outboard.sidecar.components.redis.streams.settings import StreamSettings
from support.redis_component import properties


def read(**metadata: str) -> RedisSettings:
    return RedisSettings.read(properties("state.redis", **{"redisHost": "localhost", **metadata}))


def failure(**metadata: str) -> ComponentInitFailed:
    with pytest.raises(ComponentInitFailed) as caught:
        RedisSettings.read(properties("state.redis", **metadata))
    return caught.value


@pytest.mark.parametrize(
    ("host", "port", "addresses"),
    [
        ("localhost", "", (("localhost", 6379),)),
        ("redis.svc:6380", "", (("redis.svc", 6380),)),
        ("redis.svc", "6380", (("redis.svc", 6380),)),
        ("redis.svc:6380", "6380", (("redis.svc", 6380),)),
        ("::1", "", (("::1", 6379),)),
        ("[::1]", "", (("::1", 6379),)),
        ("[::1]:6380", "", (("::1", 6380),)),
        ("a:1, b ,c:3", "", (("a", 1), ("b", 6379), ("c", 3))),
    ],
)
def test_addresses(host: str, port: str, addresses: object) -> None:
    assert read(redisHost=host, **({"redisPort": port} if port else {})).addresses == addresses


def test_defaults_are_those_of_daprd() -> None:
    settings = read()

    assert (settings.max_retries, settings.min_retry_interval, settings.max_retry_interval) == (
        3,
        0.008,
        0.512,
    )
    assert (settings.dial_timeout, settings.timeout, settings.pool_timeout) == (5.0, 3.0, 4.0)
    assert (settings.database, settings.cluster, settings.tls, settings.verify) == (0, False, False, True)


def test_everything_is_read() -> None:
    settings = read(
        redisUsername="u", redisPassword="p", redisDB="2", redisType="cluster", enableTLS="true",
        insecureSkipTLSVerify="true", clientCert="c", clientKey="k", redisMaxRetries="-1",
        redisMinRetryInterval="10ms", redisMaxRetryInterval="1s", dialTimeout="100", readTimeout="-1",
        poolSize="7", poolTimeout="2s", idleTimeout="5m", maxConnAge="1h", idleCheckFrequency="-1",
        minIdleConns="1",
    )  # fmt: skip

    assert settings == RedisSettings(
        (("localhost", 6379),), "u", "p", 2, cluster=True, tls=True, verify=False, client_certificate="c",
        client_key="k", max_retries=0, min_retry_interval=0.01, max_retry_interval=1.0, dial_timeout=0.1,
        timeout=None, pool_size=7, pool_timeout=2.0,
    )  # fmt: skip


def test_sentinels() -> None:
    settings = read(
        redisHost="a:1,b:2", failover="true", redisType="cluster", sentinelMasterName="m",
        sentinelUsername="su", sentinelPassword="sp",
    )  # fmt: skip

    assert (settings.sentinel_master, settings.sentinel_username, settings.cluster) == ("m", "su", False)
    assert str(settings) == "a:1, b:2 (sentinel master 'm')"


def test_a_password_alone_is_that_of_the_default_user() -> None:
    settings = read(redisPassword="p", sentinelPassword="sp")

    assert (settings.username, settings.sentinel_username) == ("default", "default")


@pytest.mark.parametrize(
    ("user", "password"), [("redisUsername", "redisPassword"), ("sentinelUsername", "sentinelPassword")]
)
def test_without_a_password_nobody_logs_in(user: str, password: str) -> None:
    given = properties("state.redis", redisHost="h", **{user: "ann", password: ""})

    settings = RedisSettings.read(given)

    assert (settings.username, settings.sentinel_username) == ("", "")
    (finding,) = given.findings
    assert (finding.line, finding.problem) == (
        12,
        f"`{user}` is not used: without `{password}` nobody logs in",
    )


def test_a_database_below_zero_is_the_first() -> None:
    assert read(redisDB="-1").database == 0


def test_no_secret_shows() -> None:
    settings = read(redisPassword="s3cr3t", sentinelPassword="s3cr3t", clientCert="c", clientKey="s3cr3t")

    assert "s3cr3t" not in f"{settings} {settings!r}"


@pytest.mark.parametrize(
    ("metadata", "line", "said"),
    [
        ({"redisUsername": "u"}, 1, "the metadata item `redisHost` is missing or empty"),
        ({"redisHost": ""}, 1, "the metadata item `redisHost` is missing or empty"),
        ({"redisHost": "redis://h:1"}, 11, "must not be a URL"),
        ({"redisHost": "h:99999"}, 11, "no valid port"),
        ({"redisHost": "h", "redisPort": "x"}, 12, "`redisPort` has no valid port"),
        ({"redisHost": "h:1", "redisPort": "2"}, 12, "already has port 1, but `redisPort` is 2"),
        ({"redisHost": "h", "redisDB": "one"}, 12, "`redisDB` must be a whole number"),
        ({"redisHost": "h", "redisDB": ""}, 12, "`redisDB` must be a whole number"),
        ({"redisHost": "h", "enableTLS": "yes"}, 12, '`enableTLS` must be "true" or "false"'),
        ({"redisHost": "h", "dialTimeout": "5 s"}, 12, "`dialTimeout` is not a duration"),
        ({"redisHost": "h", "maxConnAge": "long"}, 12, "`maxConnAge` is not a duration"),
        ({"redisHost": "h", "failover": "true"}, 12, "`failover` needs the name of the sentinels' master"),
        ({"redisHost": "h", "useEntraID": "true"}, 12, "`useEntraID` asks for a way to log in"),
        ({"redisHost": "h", "useOIDC": "true"}, 12, "`useOIDC` asks for a way to log in"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(metadata: dict[str, str], line: int, said: str) -> None:
    error = failure(**metadata)

    assert (error.path, error.line) == ("components/redis.yaml", line)
    assert said in error.reason


def test_the_stream_settings_of_daprd() -> None:
    assert StreamSettings.read(properties("pubsub.redis"), "app") == StreamSettings(
        "app", processing_timeout=60.0, redeliver_interval=15.0, queue_depth=100, concurrency=10
    )


@pytest.mark.parametrize(
    ("text", "seconds"), [("500", 0.5), ("0", 0.0), ("30s", 15.0), ("-5", 15.0), ("", 15.0)]
)
def test_the_interval_of_redelivery_counts_only_in_milliseconds(text: str, seconds: float) -> None:
    settings = StreamSettings.read(properties("pubsub.redis", redeliverInterval=text), "app")

    assert settings.redeliver_interval == seconds
    assert settings.redelivers == (seconds > 0)


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"concurrency": "0"}, "with `concurrency` 0 no event would ever be handled"),
        ({"queueDepth": "-1"}, "`queueDepth` -1"),
        ({"processingTimeout": "-1s"}, "`processingTimeout` must not be negative"),
        ({"maxLenApprox": "many"}, "`maxLenApprox` must be a whole number"),
        ({"streamTTL": "30d"}, "`streamTTL` is not a duration"),
    ],
)
def test_stream_settings_that_are_wrong(metadata: dict[str, str], said: str) -> None:
    with pytest.raises(ComponentInitFailed) as caught:
        StreamSettings.read(properties("pubsub.redis", **metadata), "app")

    assert said in caught.value.reason
    assert caught.value.line == 11
