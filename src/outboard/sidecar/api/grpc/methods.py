"""All methods of Dapr's service, over the use cases of one sidecar."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from outboard.sidecar.api.grpc.call import Method
from outboard.sidecar.api.grpc.invoke import invoke_methods
from outboard.sidecar.api.grpc.metadata import metadata_methods
from outboard.sidecar.api.grpc.publish import publish_methods
from outboard.sidecar.api.grpc.secrets import secret_methods
from outboard.sidecar.api.grpc.state import state_methods
from outboard.sidecar.api.grpc.unserved import unserved_methods
from outboard.sidecar.invocation.service import InvocationService
from outboard.sidecar.metadata.service import MetadataService
from outboard.sidecar.publishing.service import PublishService
from outboard.sidecar.secrets.service import SecretService
from outboard.sidecar.state.service import StateService

__all__ = ["all_methods"]


def all_methods(
    publishing: PublishService,
    state: StateService,
    secrets: SecretService,
    metadata: MetadataService,
    invocation: InvocationService,
    stop: Callable[[bool], None],
    namespace: str,
    *,
    has_token: bool = False,
) -> Mapping[str, Method]:
    """By name, those that are not served too. `stop(force)` asks the sidecar to end.

    With `has_token` callers show one, which goes no further.
    """
    return {
        **publish_methods(publishing),
        **state_methods(state),
        **secret_methods(secrets),
        **metadata_methods(metadata, stop),
        **invoke_methods(invocation, has_token=has_token),
        **unserved_methods(publishing.app_id, namespace),
    }
