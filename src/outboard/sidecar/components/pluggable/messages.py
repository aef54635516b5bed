"""The calls of pluggable components and their messages, which no package has stubs of. Pure.

Source: Dapr, `dapr.proto.components.v1`; gRPC, "GRPC Server Reflection Protocol".
"""

from __future__ import annotations

from typing import Final, NamedTuple

from google.protobuf import any_pb2, descriptor_pool, message_factory
from google.protobuf.message import Message

from outboard.sidecar.components.pluggable.services import PACKAGE
from outboard.sidecar.described_messages import Fields, file_of

__all__ = ["REFLECTION", "Rpc", "rpc"]

P: Final = f".{PACKAGE}"
METADATA: Final = ("metadata", 1, f"{P}.MetadataRequest")
REFLECTIONS: Final = ("grpc.reflection.v1alpha", "grpc.reflection.v1")
"""The first is the one that daprd asks by; later libraries have the second, too."""

COMMON: Final[Fields] = {
    f"{PACKAGE}.MetadataRequest": (("properties", 1, "{string"),),
    f"{PACKAGE}.FeaturesRequest": (),
    f"{PACKAGE}.FeaturesResponse": (("features", 1, "[string"),),
}
OF_PUBSUB: Final[Fields] = {
    f"{PACKAGE}.PubSubInitRequest": (METADATA,),
    f"{PACKAGE}.PubSubInitResponse": (),
    f"{PACKAGE}.PublishRequest": (
        ("data", 1, "bytes"),
        ("pubsub_name", 2, "string"),
        ("topic", 3, "string"),
        ("metadata", 4, "{string"),
    ),
    f"{PACKAGE}.PublishResponse": (),
    f"{PACKAGE}.BulkMessageEntry": (
        ("entry_id", 1, "string"),
        ("event", 2, "bytes"),
        ("content_type", 3, "string"),
        ("metadata", 4, "{string"),
    ),
    f"{PACKAGE}.BulkPublishRequest": (
        ("entries", 1, f"[{P}.BulkMessageEntry"),
        ("pubsub_name", 2, "string"),
        ("topic", 3, "string"),
        ("metadata", 4, "{string"),
    ),
    f"{PACKAGE}.BulkPublishResponseFailedEntry": (("entry_id", 1, "string"), ("error", 2, "string")),
    f"{PACKAGE}.BulkPublishResponse": (("failed_entries", 1, f"[{P}.BulkPublishResponseFailedEntry"),),
    f"{PACKAGE}.Topic": (("name", 1, "string"), ("metadata", 2, "{string")),
    f"{PACKAGE}.AckMessageError": (("message", 1, "string"),),
    f"{PACKAGE}.PullMessagesRequest": (
        ("topic", 1, f"{P}.Topic"),
        ("ack_message_id", 2, "string"),
        ("ack_error", 3, f"{P}.AckMessageError"),
    ),
    f"{PACKAGE}.PullMessagesResponse": (
        ("data", 1, "bytes"),
        ("topic_name", 2, "string"),
        ("metadata", 3, "{string"),
        ("content_type", 4, "string"),
        ("id", 5, "string"),
    ),
    f"{PACKAGE}.PauseRequest": (),
    f"{PACKAGE}.PauseResponse": (),
}
OPTIONS: Final = ("options", 2, f"{P}.BulkOptions")
OF_STATE: Final[Fields] = {
    f"{PACKAGE}.InitRequest": (METADATA,),
    f"{PACKAGE}.InitResponse": (),
    f"{PACKAGE}.Etag": (("value", 1, "string"),),
    f"{PACKAGE}.StateOptions": (("concurrency", 1, "int32"), ("consistency", 2, "int32")),
    f"{PACKAGE}.GetRequest": (("key", 1, "string"), ("metadata", 2, "{string"), ("consistency", 3, "int32")),
    f"{PACKAGE}.GetResponse": (("data", 1, "bytes"), ("etag", 2, f"{P}.Etag"), ("metadata", 3, "{string")),
    f"{PACKAGE}.DeleteRequest": (
        ("key", 1, "string"),
        ("etag", 2, f"{P}.Etag"),
        ("metadata", 3, "{string"),
        ("options", 4, f"{P}.StateOptions"),
    ),
    f"{PACKAGE}.DeleteResponse": (),
    f"{PACKAGE}.SetRequest": (
        ("key", 1, "string"),
        ("value", 2, "bytes"),
        ("etag", 3, f"{P}.Etag"),
        ("metadata", 4, "{string"),
        ("options", 5, f"{P}.StateOptions"),
    ),
    f"{PACKAGE}.SetResponse": (),
    f"{PACKAGE}.BulkOptions": (("parallelism", 1, "int64"),),
    f"{PACKAGE}.BulkGetRequest": (("items", 1, f"[{P}.GetRequest"), OPTIONS),
    f"{PACKAGE}.BulkStateItem": (
        ("key", 1, "string"),
        ("data", 2, "bytes"),
        ("etag", 3, f"{P}.Etag"),
        ("error", 4, "string"),
        ("metadata", 5, "{string"),
    ),
    f"{PACKAGE}.BulkGetResponse": (("items", 1, f"[{P}.BulkStateItem"),),
    f"{PACKAGE}.BulkSetRequest": (("items", 1, f"[{P}.SetRequest"), OPTIONS),
    f"{PACKAGE}.BulkSetResponse": (),
    f"{PACKAGE}.BulkDeleteRequest": (("items", 1, f"[{P}.DeleteRequest"), OPTIONS),
    f"{PACKAGE}.BulkDeleteResponse": (),
    f"{PACKAGE}.TransactionalStateOperation": (
        ("delete", 1, f"{P}.DeleteRequest"),
        ("set", 2, f"{P}.SetRequest"),
    ),
    f"{PACKAGE}.TransactionalStateRequest": (
        ("operations", 1, f"[{P}.TransactionalStateOperation"),
        ("metadata", 2, "{string"),
    ),
    f"{PACKAGE}.TransactionalStateResponse": (),
    f"{PACKAGE}.MultiMaxSizeRequest": (),
    f"{PACKAGE}.MultiMaxSizeResponse": (("max_size", 1, "int64"),),
    f"{PACKAGE}.Sorting": (("key", 1, "string"), ("order", 2, "int32")),
    f"{PACKAGE}.Pagination": (("limit", 1, "int64"), ("token", 2, "string")),
    f"{PACKAGE}.Query": (
        ("filter", 1, "{.google.protobuf.Any"),
        ("sort", 2, f"[{P}.Sorting"),
        ("pagination", 3, f"{P}.Pagination"),
    ),
    f"{PACKAGE}.QueryRequest": (("query", 1, f"{P}.Query"), ("metadata", 2, "{string")),
    f"{PACKAGE}.QueryItem": (
        ("key", 1, "string"),
        ("data", 2, "bytes"),
        ("etag", 3, f"{P}.Etag"),
        ("error", 4, "string"),
    ),
    f"{PACKAGE}.QueryResponse": (
        ("items", 1, f"[{P}.QueryItem"),
        ("token", 2, "string"),
        ("metadata", 3, "{string"),
    ),
}
OF_SECRETS: Final[Fields] = {
    f"{PACKAGE}.SecretStoreInitRequest": (METADATA,),
    f"{PACKAGE}.SecretStoreInitResponse": (),
    f"{PACKAGE}.GetSecretRequest": (("key", 1, "string"), ("metadata", 2, "{string")),
    f"{PACKAGE}.GetSecretResponse": (("data", 1, "{string"),),
    f"{PACKAGE}.BulkGetSecretRequest": (("metadata", 1, "{string"),),
    f"{PACKAGE}.SecretResponse": (("secrets", 1, "{string"),),
    f"{PACKAGE}.BulkGetSecretResponse": (("data", 1, f"{{{P}.SecretResponse"),),
}
FIELDS: Final[Fields] = {**COMMON, **OF_PUBSUB, **OF_STATE, **OF_SECRETS}


def _reflection(package: str) -> Fields:
    return {
        f"{package}.ServerReflectionRequest": (("list_services", 7, "string"),),
        f"{package}.ServiceResponse": (("name", 1, "string"),),
        f"{package}.ListServiceResponse": (("service", 1, f"[.{package}.ServiceResponse"),),
        f"{package}.ServerReflectionResponse": (
            ("list_services_response", 6, f".{package}.ListServiceResponse"),
        ),
    }


def _classes() -> dict[str, type[Message]]:
    """In a pool of their own: whoever brings the real ones does not meet them."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(any_pb2.DESCRIPTOR.serialized_pb)
    files = {PACKAGE: FIELDS, **{package: _reflection(package) for package in REFLECTIONS}}
    for package, fields in files.items():
        pool.Add(file_of(f"{package}.proto", package, fields, (any_pb2.DESCRIPTOR.name,)))
    names = (name for fields in files.values() for name in fields)
    return {name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name)) for name in names}


CLASSES: Final = _classes()


class Rpc(NamedTuple):
    """A call: its path, and the messages that go there and come back."""

    path: str
    request: type[Message]
    response: type[Message]


def rpc(service: str, name: str, request: str = "", response: str = "") -> Rpc:
    """The call `name` of `service`, whose messages are named after it unless they have other names."""
    package = service.rpartition(".")[0]
    asked, answered = request or f"{name}Request", response or f"{name}Response"
    return Rpc(f"/{service}/{name}", CLASSES[f"{package}.{asked}"], CLASSES[f"{package}.{answered}"])


REFLECTION: Final = tuple(
    rpc(f"{package}.ServerReflection", "ServerReflectionInfo",
        "ServerReflectionRequest", "ServerReflectionResponse")
    for package in REFLECTIONS
)  # fmt: skip
