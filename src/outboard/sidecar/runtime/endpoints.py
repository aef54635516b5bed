"""HTTPEndpoints that are ready to be called: their headers and certificates fetched from where they are."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from outboard.errors import ResourceError
from outboard.host.private_files import private_opener
from outboard.resources.component import Component, MetadataItem
from outboard.resources.http_endpoint import HttpEndpoint
from outboard.sidecar.components.context import ComponentContext
from outboard.sidecar.components.metadata.resolution import resolve
from outboard.sidecar.components.port import SecretStore
from outboard.sidecar.invocation.app import AppCaller
from outboard.sidecar.invocation.outgoing import Outgoing

__all__ = ["open_endpoints"]


async def open_endpoints(
    endpoints: Sequence[HttpEndpoint],
    clients: Outgoing,
    context: ComponentContext,
    stores: Mapping[str, SecretStore],
) -> Mapping[str, AppCaller]:
    """The way to each, by its name. Raises ComponentInitFailed, and ResourceError for a certificate."""
    ways: dict[str, AppCaller] = {}
    for each in endpoints:
        headers = await _values(each, each.headers, context, stores)
        texts = await _values(each, each.tls, context, stores)
        tls = await asyncio.to_thread(_tls, each, texts) if texts else True
        named = [(name.lower(), value) for name, value in headers.items()]
        ways[each.name] = clients.app(each.base_url, headers=named, tls=tls)
    return ways


async def _values(
    endpoint: HttpEndpoint,
    items: tuple[MetadataItem, ...],
    context: ComponentContext,
    stores: Mapping[str, SecretStore],
) -> dict[str, str]:
    """Found as a component's are."""
    component = Component(
        endpoint.name,
        "HTTPEndpoint",
        metadata=items,
        secret_store=endpoint.secret_store,
        path=endpoint.path,
        line=endpoint.line,
    )
    properties = await resolve(component, context, stores)
    return {item.name: properties[item.name] for item in items}


def _tls(endpoint: HttpEndpoint, texts: Mapping[str, str]) -> ssl.SSLContext:
    """Raises ResourceError."""
    try:
        tls = ssl.create_default_context(cadata=texts.get("rootCA") or None)
        tls.minimum_version = ssl.TLSVersion.TLSv1_2
        if "privateKey" in texts:
            with TemporaryDirectory(prefix="outboard-tls-") as folder:
                file = Path(folder, "both.pem")  # the library takes them from nowhere else
                with open(file, "w", encoding="ascii", opener=private_opener) as opened:
                    opened.write(texts["privateKey"] + "\n" + texts.get("certificate", ""))
                tls.load_cert_chain(file)
    except (ssl.SSLError, ValueError, OSError) as error:
        problem = f"the `clientTLS` of HTTPEndpoint '{endpoint.name}' cannot be used: {error}"
        advice = "Each of its values is a certificate or a key in PEM."
        raise ResourceError(str(endpoint.path), endpoint.line, problem, advice) from error
    return tls
