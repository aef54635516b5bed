"""Logging in to a real Kafka: TLS, client certificates, PLAIN and SCRAM, and what is said where it fails."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from contract.promises import Inbox, consuming
from outboard.errors import ComponentInitFailed
from outboard.sidecar.components.port import ComponentError, Message
from support.certificates import self_signed
from support.kafka import KafkaBroker
from support.kafka_component import kafka_pubsub, unique

# Where a peer leaves during a handshake, asyncio 3.11 can leave the socket to the garbage collector, which
# comes in whichever test of this file is next. Other files do without this.
pytestmark = [
    pytest.mark.anyio,
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

Pem: TypeAlias = tuple[str, str]
"""A certificate and its key."""

PASSWORD = {"authType": "password", "saslUsername": "ada", "saslPassword": "ada-secret"}
JUNK = "-----BEGIN CERTIFICATE-----\nanVuaw==\n-----END CERTIFICATE-----\n"
ADDRESS = "SECURED://127.0.0.1:{secured_port}"
PLAIN_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
SCRAM_LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


@pytest.fixture(scope="module", autouse=True)
def collected_here() -> Iterator[None]:
    yield
    gc.collect()


def listener(folder: Path, protocol: str, more: Mapping[str, str]) -> dict[str, str]:
    """Settings of a second listener, with TLS by the certificates in `folder`."""
    keystore = folder / "server.pem"
    keystore.write_bytes(pkcs8((folder / "server.key").read_bytes()) + (folder / "server.crt").read_bytes())
    return {
        "listeners": ADDRESS,
        "advertised.listeners": ADDRESS,
        "listener.security.protocol.map": f"SECURED:{protocol}",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": keystore.as_posix(),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": (folder / "client.crt").as_posix(),
        **more,
    }


def pkcs8(key: bytes) -> bytes:
    """The one form of a key that Kafka takes."""
    return load_pem_private_key(key, None).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    for name in "server", "client", "stranger":
        self_signed(folder, name)
    return folder


@pytest.fixture(scope="module")
def pem(certificates: Path) -> Callable[[str], Pem]:
    def texts(name: str) -> Pem:
        crt, key = certificates / f"{name}.crt", certificates / f"{name}.key"
        return crt.read_text(encoding="utf-8"), key.read_text(encoding="utf-8")

    return texts


@pytest.fixture(scope="module")
def password_broker(kafka_brokers: Callable[..., KafkaBroker], certificates: Path) -> KafkaBroker:
    more = {
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.secured.plain.sasl.jaas.config": f'{PLAIN_LOGIN} user_ada="ada-secret";',
        "listener.name.secured.scram-sha-256.sasl.jaas.config": SCRAM_LOGIN,
        "listener.name.secured.scram-sha-512.sasl.jaas.config": SCRAM_LOGIN,
    }
    broker = kafka_brokers(listener(certificates, "SASL_SSL", more))
    broker.add_scram_user("bea", "bea-secret", "SCRAM-SHA-256")
    broker.add_scram_user("cid", "cid-secret", "SCRAM-SHA-512")
    return broker


@pytest.fixture(scope="module")
def plain_login_broker(kafka_brokers: Callable[..., KafkaBroker]) -> KafkaBroker:
    """Its second listener asks for a login by PLAIN, and has no TLS."""
    login = f'{PLAIN_LOGIN} user_ada="ada-secret";'
    return kafka_brokers(
        {
            "listeners": ADDRESS,
            "advertised.listeners": ADDRESS,
            "listener.security.protocol.map": "SECURED:SASL_PLAINTEXT",
            "sasl.enabled.mechanisms": "PLAIN",
            "listener.name.secured.plain.sasl.jaas.config": login,
        }
    )


@pytest.fixture(scope="module")
def certificate_broker(kafka_brokers: Callable[..., KafkaBroker], certificates: Path) -> KafkaBroker:
    return kafka_brokers(listener(certificates, "SSL", {"listener.name.secured.ssl.client.auth": "required"}))


@pytest.fixture(scope="module")
def tls_broker(kafka_brokers: Callable[..., KafkaBroker], certificates: Path) -> KafkaBroker:
    return kafka_brokers(listener(certificates, "SSL", {}))


async def round_trip(broker: KafkaBroker, **metadata: str) -> None:
    """Publish and consume one message over the secured listener."""
    topic, inbox = unique("secured"), Inbox()
    async with (
        kafka_pubsub(broker.secured_address, **metadata) as pubsub,
        consuming(pubsub, topic, inbox),
    ):
        await pubsub.publish(topic, Message(b"x"))
        assert await inbox.data(1) == [b"x"]


@pytest.mark.parametrize(
    ("user", "mechanism"), [("ada", ""), ("ada", "PLAINTEXT"), ("bea", "SHA-256"), ("cid", "SHA-512")]
)
async def test_a_password_lets_in(
    password_broker: KafkaBroker, pem: Callable[[str], Pem], user: str, mechanism: str
) -> None:
    await round_trip(
        password_broker,
        authType="password",
        saslUsername=user,
        saslPassword=f"{user}-secret",
        saslMechanism=mechanism,
        caCert=pem("server")[0],
    )


@pytest.mark.parametrize("mechanism", ["PLAIN", "SHA-512"])
async def test_a_wrong_password_is_told_without_the_password(
    password_broker: KafkaBroker, pem: Callable[[str], Pem], mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with pytest.raises(ComponentError) as caught:
        await round_trip(
            password_broker,
            authType="password",
            saslUsername="cid",
            saslPassword="wrong-pass-phrase",
            saslMechanism=mechanism,
            caCert=pem("server")[0],
        )

    assert "uthentication" in str(caught.value)
    assert "wrong-pass-phrase" not in str(caught.value) + repr(caught.value) + caplog.text


async def test_the_server_alone_shows_a_certificate(
    tls_broker: KafkaBroker, pem: Callable[[str], Pem]
) -> None:
    await round_trip(tls_broker, authType="certificate", caCert=pem("server")[0])


async def test_an_unknown_authority_is_refused_unless_that_is_skipped(
    tls_broker: KafkaBroker, pem: Callable[[str], Pem]
) -> None:
    stranger = pem("stranger")[0]
    with pytest.raises(ComponentError, match="certificate verify failed"):
        await round_trip(tls_broker, authType="certificate", caCert=stranger)
    await round_trip(tls_broker, authType="certificate", caCert=stranger, skipVerify="true")


async def test_both_show_certificates(certificate_broker: KafkaBroker, pem: Callable[[str], Pem]) -> None:
    cert, key = pem("client")
    await round_trip(
        certificate_broker, authType="mtls", caCert=pem("server")[0], clientCert=cert, clientKey=key
    )


async def test_a_client_that_the_broker_does_not_know_is_told(
    certificate_broker: KafkaBroker, pem: Callable[[str], Pem]
) -> None:
    cert, key = pem("stranger")
    with pytest.raises(ComponentError, match="kafka: client has run out of available brokers"):
        await round_trip(
            certificate_broker, authType="mtls", caCert=pem("server")[0], clientCert=cert, clientKey=key
        )


async def test_a_key_of_another_certificate_is_told_without_the_key(
    certificate_broker: KafkaBroker, pem: Callable[[str], Pem]
) -> None:
    cert, key = pem("client")[0], pem("stranger")[1]
    with pytest.raises(ComponentInitFailed, match="unable to load client certificate and key pair") as caught:
        await round_trip(
            certificate_broker, authType="mtls", caCert=pem("server")[0], clientCert=cert, clientKey=key
        )

    assert "BEGIN" not in str(caught.value)


async def test_a_plain_client_at_a_tls_listener_is_told(tls_broker: KafkaBroker) -> None:
    with pytest.raises(ComponentError, match="kafka: client has run out of available brokers"):
        await round_trip(tls_broker, authType="none")


async def test_a_login_at_a_listener_that_asks_for_none_is_told(
    tls_broker: KafkaBroker, pem: Callable[[str], Pem]
) -> None:
    with pytest.raises(ComponentError, match="asks for no login, which `authType: password` is"):
        await round_trip(tls_broker, caCert=pem("server")[0], **PASSWORD)


async def test_a_mechanism_that_the_broker_does_not_offer_is_told(
    plain_login_broker: KafkaBroker,
) -> None:
    with pytest.raises(ComponentError, match="does not offer SCRAM-SHA-512: look at `saslMechanism`"):
        await round_trip(plain_login_broker, disableTls="true", saslMechanism="SHA-512", **PASSWORD)


async def test_tls_at_a_listener_without_it_is_told(plain_login_broker: KafkaBroker) -> None:
    with pytest.raises(ComponentError, match="that port does not speak TLS, which every `authType`"):
        await round_trip(plain_login_broker, **PASSWORD)


async def test_a_client_that_does_not_log_in_is_told(plain_login_broker: KafkaBroker) -> None:
    with pytest.raises(ComponentError, match="asks for a login, which `authType: none` does not give"):
        await round_trip(plain_login_broker, authType="none")


@pytest.mark.parametrize("item", ["caCert", "clientCert"])
async def test_what_is_no_certificate_ends_at_once_at_its_line(item: str, pem: Callable[[str], Pem]) -> None:
    cert, key = pem("client")
    metadata = {"authType": "mtls", "caCert": cert, "clientCert": cert, "clientKey": key, item: JUNK}
    with pytest.raises(ComponentInitFailed, match=r"unable to load .* certificate") as caught:
        async with kafka_pubsub("127.0.0.1:1", **metadata):
            pass

    assert "anVuaw" not in str(caught.value)


async def test_a_file_name_in_place_of_a_certificate_is_told() -> None:
    with pytest.raises(ComponentInitFailed, match="not the name of its file"):
        async with kafka_pubsub("127.0.0.1:1", authType="certificate", caCert="/etc/ca.pem"):
            pass
