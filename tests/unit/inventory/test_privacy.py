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


def test_settings_of_the_service_itself_are_masked_too() -> None:
    """Their names often begin with `APP_`, as Outboard's do."""
    told = without_secrets(
        {
            "APP_DSN": "abc",
            "APP_DB_PW": "abc",
            "APP_BROKER": "Server=h;Password=abc;Port=1",
            "APP_DATABASE": "host=h password='abc abc' user=ana",
            "APP_BUS": "Endpoint=sb://h/;SharedAccessKey=abc=",
        }
    )
    assert "abc" not in str(told)
    assert told["APP_BROKER"] == "Server=h;Password=***;Port=1"
    assert told["APP_DATABASE"] == "host=h password=*** user=ana"


def test_the_home_is_not_named() -> None:
    home = PurePosixPath("/home/ana")
    assert without_home(home / "venv" / "bin", home) == "~/venv/bin"
    assert without_home(PurePosixPath("/usr/bin"), home) == "/usr/bin"
