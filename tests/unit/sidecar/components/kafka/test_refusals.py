from __future__ import annotations

import pytest

from outboard.sidecar.components.kafka.refusals import what_to_look_at
from outboard.sidecar.components.kafka.settings import Security

PLAIN = Security()
TLS = Security(tls=True)
LOGIN = Security(mechanism="SCRAM-SHA-512", username="ada", password="hush")
CLOSED = 'Unable connect to "broker:9092": KafkaConnectionError: Connection at broker:9092 closed'


@pytest.mark.parametrize(
    ("security", "said", "named"),
    [
        (LOGIN, "[Error 34] IllegalSaslStateError: <AIOKafkaConnection>", "asks for no login"),
        (LOGIN, "[Error 33] UnsupportedSaslMechanismError", "does not offer SCRAM-SHA-512"),
        (LOGIN, "[Error 58] SaslAuthenticationFailed: Invalid username", "`saslPassword`"),
        (TLS, "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed", "`caCert`"),
        (TLS, 'Unable connect to "broker:9092": ', "does not speak TLS"),
        (TLS, "[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1006)", "does not speak TLS"),
        (LOGIN, CLOSED, "take `disableTls` away"),
        (PLAIN, CLOSED, "asks for a login"),
    ],
)
def test_it_names_what_to_look_at(security: Security, said: str, named: str) -> None:
    advice = what_to_look_at(security, said)

    assert named in advice
    assert "hush" not in advice


@pytest.mark.parametrize("security", [PLAIN, TLS, LOGIN])
def test_a_broker_that_is_away_is_nobody_s_mistake(security: Security) -> None:
    assert what_to_look_at(security, "[Errno 111] Connect call failed ('127.0.0.1', 9092)") == ""
