"""What the server tells of its own services: `ServerReflection`, to calls that name an app.

Source: gRPC, "GRPC Server Reflection Protocol"; daprd 1.18, which asks each call that is not Dapr's for the
name of an app, also where it serves the method itself.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from functools import cache
from typing import Any, Final

import grpc
from dapr.proto.runtime.v1 import appcallback_pb2, dapr_pb2
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.message import DecodeError, Message

from outboard.sidecar.api.grpc.call import Call, Send, StatusRaised, StreamMethod, Undecodable
from outboard.sidecar.api.grpc.errors import GrpcStatus
from outboard.sidecar.described_messages import Fields, file_of

__all__ = ["REFLECTION", "message_class"]

PACKAGES: Final = ("grpc.reflection.v1", "grpc.reflection.v1alpha")
SERVICE: Final = "ServerReflection"
METHOD: Final = "ServerReflectionInfo"
SERVICES: Final = sorted([dapr_pb2.DESCRIPTOR.services_by_name["Dapr"].full_name]
                         + [f"{package}.{SERVICE}" for package in PACKAGES])  # fmt: skip
FIRST_OF_ONE: Final = 3
"""The number of the first field of a request or response of which there is only one at a time."""
NOT_FOUND: Final = (5, "proto: not found")
NOTHING_ASKED: Final = "invalid MessageRequest: <nil>"
KNOWN: Final = (dapr_pb2.DESCRIPTOR, appcallback_pb2.DESCRIPTOR)
"""With these in it, the pool has all that the service is about."""


def _fields(package: str) -> Fields:
    return {
        f"{package}.ExtensionRequest": (("containing_type", 1, "string"), ("extension_number", 2, "int32")),
        f"{package}.ServerReflectionRequest": (
            ("host", 1, "string"),
            ("file_by_filename", 3, "string"),
            ("file_containing_symbol", 4, "string"),
            ("file_containing_extension", 5, f".{package}.ExtensionRequest"),
            ("all_extension_numbers_of_type", 6, "string"),
            ("list_services", 7, "string"),
        ),
        f"{package}.FileDescriptorResponse": (("file_descriptor_proto", 1, "[bytes"),),
        f"{package}.ExtensionNumberResponse": (
            ("base_type_name", 1, "string"),
            ("extension_number", 2, "[int32"),
        ),
        f"{package}.ServiceResponse": (("name", 1, "string"),),
        f"{package}.ListServiceResponse": (("service", 1, f"[.{package}.ServiceResponse"),),
        f"{package}.ErrorResponse": (("error_code", 1, "int32"), ("error_message", 2, "string")),
        f"{package}.ServerReflectionResponse": (
            ("valid_host", 1, "string"),
            ("original_request", 2, f".{package}.ServerReflectionRequest"),
            ("file_descriptor_response", 4, f".{package}.FileDescriptorResponse"),
            ("all_extension_numbers_response", 5, f".{package}.ExtensionNumberResponse"),
            ("list_services_response", 6, f".{package}.ListServiceResponse"),
            ("error_response", 7, f".{package}.ErrorResponse"),
        ),
    }


@cache
def _own_pool() -> descriptor_pool.DescriptorPool:
    """Of the reflection's own messages: whoever brings the real ones does not meet them."""
    pool = descriptor_pool.DescriptorPool()
    for package in PACKAGES:
        file = file_of(f"{package.replace('.', '/')}/reflection.proto", package, _fields(package))
        for message in file.message_type:
            if message.name in (f"{SERVICE}Request", f"{SERVICE}Response"):
                message.oneof_decl.add(name=f"message_{message.name.removeprefix(SERVICE).lower()}")
                for field in message.field:
                    if field.number >= FIRST_OF_ONE:
                        field.oneof_index = 0
        asked, told = (f".{package}.{SERVICE}{end}" for end in ("Request", "Response"))
        service = file.service.add(name=SERVICE)
        service.method.add(
            name=METHOD, input_type=asked, output_type=told, client_streaming=True, server_streaming=True
        )
        pool.Add(file)
    return pool


@cache
def message_class(name: str) -> type[Message]:
    """A message of the protocol, by its short name: on the wire both versions are the same."""
    return message_factory.GetMessageClass(_own_pool().FindMessageTypeByName(f"{PACKAGES[0]}.{name}"))


async def _reflect(requests: AsyncIterator[bytes], send: Send, _: Call) -> None:
    sent = set[str]()
    async for each in requests:
        try:
            request: Any = message_class(f"{SERVICE}Request").FromString(each)
        except DecodeError as error:
            raise Undecodable from error
        await send(_answer(request, sent))


def _answer(request: Any, sent: set[str]) -> Any:
    """A file that was `sent` is told again only where it is what is asked for. Raises StatusRaised."""
    answer: Any = message_class(f"{SERVICE}Response")(valid_host=request.host, original_request=request)
    asked = request.WhichOneof("message_request")
    if asked is None:
        raise StatusRaised(GrpcStatus(grpc.StatusCode.INVALID_ARGUMENT, NOTHING_ASKED))
    try:
        if asked == "list_services":
            for name in SERVICES:
                answer.list_services_response.service.add(name=name)
        elif asked == "all_extension_numbers_of_type":
            answer.all_extension_numbers_response.base_type_name = _type(
                request.all_extension_numbers_of_type
            )
        else:
            files = _with_imports(_file(request, asked), sent)
            answer.file_descriptor_response.file_descriptor_proto.extend(files)
    except KeyError:
        answer.error_response.error_code, answer.error_response.error_message = NOT_FOUND
    return answer


def _file(request: Any, asked: str) -> FileDescriptor:
    """Raises KeyError, as for each extension: the services have none."""
    if asked == "file_containing_extension":
        raise KeyError(request.file_containing_extension.containing_type)
    name: str = getattr(request, asked)
    pool = _own_pool() if name.startswith(("grpc.reflection.", "grpc/reflection/")) else KNOWN[0].pool
    if asked == "file_by_filename":
        return pool.FindFileByName(name)
    try:
        return pool.FindFileContainingSymbol(name)
    except KeyError:
        service, _, method = name.rpartition(".")  # the library finds no methods
        return pool.FindServiceByName(service).methods_by_name[method].containing_service.file


def _type(name: str) -> str:
    """Raises KeyError where there is no such message."""
    pool = _own_pool() if name.startswith("grpc.reflection.") else KNOWN[0].pool
    return pool.FindMessageTypeByName(name).full_name


def _with_imports(file: FileDescriptor, sent: set[str]) -> list[bytes]:
    found, waiting = list[bytes](), [file]
    while waiting:
        each = waiting.pop(0)
        if not found or each.name not in sent:
            sent.add(each.name)
            found.append(each.serialized_pb)
            waiting.extend(each.dependencies)
    return found


REFLECTION: Final[Mapping[str, StreamMethod]] = {
    f"/{package}.{SERVICE}/{METHOD}": StreamMethod(_reflect) for package in PACKAGES
}
"""By path."""
