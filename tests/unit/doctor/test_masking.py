"""No secret stands in what was seen, however it is written there."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outboard.doctor.evidence import AppSeen, Evidence, HttpAnswer, SidecarLine, SidecarSeen
from outboard.doctor.masking import MASK, SHORTEST, masked
from outboard.doctor.output.bundle import bundle
from outboard.doctor.walk import diagnose

NOW = datetime(2026, 1, 2, tzinfo=UTC)
SECRETS = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40).map(
    lambda text: f"§{text}§"  # so that none is a word of ours by chance
)


def evidence(secret: str) -> Evidence:
    """What says `secret` wherever something is said that does not come from us."""
    app = AppSeen(
        "api",
        8000,
        3500,
        subscribe=HttpAnswer(500, f"no: {secret}", headers={"location": f"/x?{quote(secret, safe='')}"}),
        subscribe_problem=f"not JSON: {secret!r}",
        sidecar=SidecarSeen(HttpAnswer(failure=secret)),
        log=(SidecarLine("error", f"msg={json.dumps(secret)} {secret}", NOW),),
        app_log=(
            secret,
            json.dumps({"password": secret}),
            f"ValueError: no login with {secret!r} and {secret}",
        ),
        listening=True,
    )
    return Evidence("here", NOW, (app,))


@given(SECRETS)
def test_no_secret_is_in_a_bundle(secret: str) -> None:
    seen = masked(evidence(secret), [secret])
    text = bundle(seen, diagnose(seen), {})
    assert "§" not in text
    assert quote("§") not in text
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe="")):
        assert form not in text
    assert MASK in text


@pytest.mark.parametrize(
    "secret", ["s3cr3t-value", 'with "quotes"', "größer als", "two\nlines of it", "a/b+c=="]
)
def test_a_secret_is_masked_in_every_form(secret: str) -> None:
    seen = masked(evidence(secret), [secret])
    text = json.dumps(asdict(seen), default=str, ensure_ascii=False) + str(seen)
    for form in (secret, json.dumps(secret)[1:-1], quote(secret, safe=""), *secret.splitlines()):
        assert form not in text
    assert MASK in text


def test_passwords_of_urls_are_masked_whoever_knows_them() -> None:
    assert masked("postgresql://app:hunter2@db/x", []) == f"postgresql://app:{MASK}@db/x"


def test_what_is_no_secret_stays_and_values_keep_their_types() -> None:
    seen = evidence("x")
    assert masked(seen, []) == seen
    assert masked((1, True, None, NOW), ["2026"]) == (1, True, None, NOW)
