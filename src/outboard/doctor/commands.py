"""The commands that show a person the same, in bash and in PowerShell. Pure.

Tokens stand in them as the variables that hold them.
"""

from __future__ import annotations

from outboard.doctor.results import ManualCommand
from outboard.wire.dapr import API_TOKEN_HEADER

__all__ = ["ask", "grep", "group", "listeners", "options_of", "publish", "same"]


def same(text: str) -> ManualCommand:
    """A command that both shells take."""
    return ManualCommand(text, text)


def ask(url: str, token_variable: str = "") -> ManualCommand:
    """A GET of `url`, with the token in the environment variable of that name."""
    if not token_variable:
        return ManualCommand(f"curl -si {url}", f"Invoke-WebRequest {url}")
    return ManualCommand(
        f'curl -si -H "{API_TOKEN_HEADER}: ${token_variable}" {url}',
        f'Invoke-WebRequest {url} -Headers @{{"{API_TOKEN_HEADER}"=$env:{token_variable}}}',
    )


def options_of(url: str) -> ManualCommand:
    """What may be done with `url`."""
    return ManualCommand(f"curl -si -X OPTIONS {url}", f"Invoke-WebRequest {url} -Method Options")


def publish(sidecar: str, pubsub: str, topic: str) -> ManualCommand:
    """An event for `topic`."""
    url = f"{sidecar}/v1.0/publish/{pubsub}/{topic}"
    body = '{"hello": "world"}'
    return ManualCommand(
        f"curl -si -X POST {url} -H 'content-type: application/json' -d '{body}'",
        f"Invoke-WebRequest {url} -Method Post -ContentType application/json -Body '{body}'",
    )


def listeners(port: int) -> ManualCommand:
    """Who listens on `port`."""
    return ManualCommand(
        f"lsof -nP -iTCP:{port} -sTCP:LISTEN", f"Get-NetTCPConnection -LocalPort {port} -State Listen"
    )


def grep(text: str, file: str) -> ManualCommand:
    """The lines of `file` that hold `text`."""
    return ManualCommand(f"grep '{text}' '{file}'", f"Select-String '{text}' '{file}'")


def group(kind: str, address: str, name: str, topic: str) -> ManualCommand:
    """How a consumer group stands, by the tool of the broker."""
    match kind:
        case "pubsub.kafka":
            rest = f"--bootstrap-server {address.split(',')[0]} --describe --group {name}"
            return ManualCommand(f"kafka-consumer-groups.sh {rest}", f"kafka-consumer-groups.bat {rest}")
        case "pubsub.redis":
            return same(f"redis-cli -u redis://{address.split(',')[0]} XINFO GROUPS {topic}")
        case _:
            select = (
                "SELECT topics.name, partition, committed, owner FROM positions "
                f"JOIN topics ON topics.id = topic WHERE consumer_group = '{name}'"
            )
            return same(f'sqlite3 "{address}" "{select}"')
