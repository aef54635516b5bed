"""A report goes to others: it has no secret, and not the name of a person's folder."""

from __future__ import annotations

from pathlib import PurePosixPath

from outboard.inventory.privacy import without_home, without_secrets


def test_only_what_changes_outboard_is_told() -> None:
    assert without_secrets({"PATH": "/bin", "AWS_REGION": "x", "DAPR_HTTP_PORT": "3500"}) == {
        "DAPR_HTTP_PORT": "3500"
    }


def test_what_may_be_a_secret_is_masked() -> None:
    told = without_secrets(
        {
            "APP_API_TOKEN": "abc",
            "DAPR_REDIS_PASSWORD": "abc",
            "OUTBOARD_MAVEN_URL": "https://ana:abc@maven.example/all",
            "OTEL_EXPORTER_OTLP_HEADERS": "authorization=abc",
            "https_proxy": "http://ana:abc@proxy.example:8080",
        }
    )
    assert len(told) == 5
    assert "abc" not in str(told)
    assert told["OUTBOARD_MAVEN_URL"] == "https://ana:***@maven.example/all"


def test_the_home_is_not_named() -> None:
    home = PurePosixPath("/home/ana")
    assert without_home(home / "venv" / "bin", home) == "~/venv/bin"
    assert without_home(PurePosixPath("/usr/bin"), home) == "/usr/bin"
