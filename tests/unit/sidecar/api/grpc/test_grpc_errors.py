"""Errors of the use cases as gRPC statuses."""

from __future__ import annotations

import pytest
from google.rpc import error_details_pb2, status_pb2
from grpc import StatusCode

from outboard.sidecar.api.grpc.errors import status_of
from outboard.sidecar.components.port import ComponentError, EtagMismatchError
from outboard.sidecar.errors import ApiError
from outboard.sidecar.publishing import errors as publish_errors
from outboard.sidecar.publishing.requests import PublishRequest
from outboard.sidecar.state import errors as state_errors

REQUEST = PublishRequest("ps", "t", {}, None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (publish_errors.not_found(REQUEST, ()), StatusCode.INVALID_ARGUMENT),
        (publish_errors.name_empty(REQUEST), StatusCode.INVALID_ARGUMENT),
        (publish_errors.topic_empty(REQUEST), StatusCode.INVALID_ARGUMENT),
        (publish_errors.not_published(REQUEST, ComponentError("away")), StatusCode.INTERNAL),
        (state_errors.not_configured("st", (), "app"), StatusCode.FAILED_PRECONDITION),
        (state_errors.not_transactional("st"), StatusCode.UNIMPLEMENTED),
        (state_errors.bulk_get_failed(ComponentError("away")), StatusCode.UNKNOWN),
        (state_errors.delete_failed("k", EtagMismatchError("other")), StatusCode.ABORTED),
        (ApiError(403, "ERR_PERMISSION_DENIED", "no"), StatusCode.PERMISSION_DENIED),
        (ApiError(401, "ERR_SECRET_STORE_NOT_FOUND", "no"), StatusCode.INVALID_ARGUMENT),
        (ApiError(500, "", "as it is"), StatusCode.UNKNOWN),
    ],
)
def test_an_error_has_the_code_of_daprd(error: ApiError, code: StatusCode) -> None:
    status = status_of(error)
    assert (status.code, status.message) == (code, str(error))


def test_the_details_are_in_the_trailers() -> None:
    ((name, value),) = status_of(publish_errors.not_published(REQUEST, ComponentError("away"))).trailers()
    told = status_pb2.Status.FromString(value)
    assert (name, told.code) == ("grpc-status-details-bin", StatusCode.INTERNAL.value[0])
    resource, info = error_details_pb2.ResourceInfo(), error_details_pb2.ErrorInfo()
    assert told.details[0].Unpack(resource)
    assert told.details[1].Unpack(info)
    assert (resource.resource_type, resource.resource_name) == ("pubsub", "ps")
    assert (info.reason, info.domain) == ("DAPR_PUBSUB_PUBLISH_MESSAGE", "dapr.io")
    assert dict(info.metadata) == {"topic": "t", "error": "away"}


def test_without_details_there_are_no_trailers() -> None:
    assert status_of(ApiError(500, "ERR_SECRET_GET", "no")).trailers() == ()


def test_an_illegal_key_is_told_without_the_words_of_http() -> None:
    status = status_of(state_errors.illegal_key("st", "a||b", "can't contain '||'", ""))
    assert (status.code, status.message) == (StatusCode.INVALID_ARGUMENT, "can't contain '||'")
    wrong = status.details[0]
    assert isinstance(wrong, error_details_pb2.BadRequest)
    assert wrong.field_violations[0].field == "a||b"
