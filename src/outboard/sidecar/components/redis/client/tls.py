"""What is looked at beside the client library where a connection is to be secured by TLS."""

from __future__ import annotations

import asyncio
import ssl
import tempfile
from pathlib import Path
from typing import Final

from outboard.sidecar.components.redis.client.settings import Address

__all__ = ["certificate_fault", "speaks_without_tls", "write_certificate"]

REPLIES: Final = (b"+", b"-")


def write_certificate(certificate: str, key: str, folder: Path) -> tuple[Path, Path]:
    """Both as files that only this user can read, which is how Python's TLS takes them."""
    files = folder / "client.crt", folder / "client.key"
    for file, text in zip(files, (certificate, key), strict=True):
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    return files


def certificate_fault(certificate: str, key: str) -> str:
    """Why these two (PEM) are no certificate and its key, without their text; empty where they are."""
    context = ssl.create_default_context()
    with tempfile.TemporaryDirectory(prefix="outboard-redis-") as folder:
        files = write_certificate(certificate, key, Path(folder))
        try:
            context.load_cert_chain(*files, password="")  # an encrypted key would ask at the terminal
        except (ssl.SSLError, ValueError, OSError) as error:
            return getattr(error, "reason", None) or type(error).__name__
    return ""


async def speaks_without_tls(address: Address, limit: float) -> bool:
    """Whether a Redis at `address` answers a client without TLS, within `limit` seconds."""
    try:
        async with asyncio.timeout(limit):
            reader, writer = await asyncio.open_connection(*address)
            try:
                writer.write(b"PING\r\n")
                await writer.drain()
                return await reader.read(1) in REPLIES
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
