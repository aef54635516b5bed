"""What the gRPC API tells of itself: the same of the real daprd and of `outboard sidecar`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import grpc.aio
import pytest
from anyio.from_thread import BlockingPortal
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.json_format import MessageToDict

from conformance.asking import Pair, pair
from conformance.question import Group
from conformance.sidecars import Program, Running
from outboard.sidecar.api.grpc.reflection import message_class

pytestmark = [pytest.mark.engine("daprd"), pytest.mark.timeout(120)]

DAPR = "dapr.proto.runtime.v1"
NAMED = {"dapr-app-id": "anybody"}
UNSERVED = {"name": "TaskHubSidecarService"}
"""Of workflows, which are not served here."""
REQUESTS: Mapping[str, Sequence[Mapping[str, object]]] = {
    "services": ({"list_services": "*"}, {"list_services": ""}),
    "host": ({"host": "h", "list_services": "*"},),
    "file": ({"file_by_filename": "dapr/proto/runtime/v1/dapr.proto"},),
    "small-file": ({"file_by_filename": "google/protobuf/any.proto"},),
    "unknown-file": ({"file_by_filename": "nope.proto"}, {"file_by_filename": ""}),
    "service": ({"file_containing_symbol": f"{DAPR}.Dapr"},),
    "method": ({"file_containing_symbol": f"{DAPR}.Dapr.PublishEvent"},),
    "no-method": ({"file_containing_symbol": f"{DAPR}.Dapr.Nope"},),
    "message": ({"file_containing_symbol": f"{DAPR}.PublishEventRequest"},),
    "field": ({"file_containing_symbol": f"{DAPR}.PublishEventRequest.topic"},),
    "callback": ({"file_containing_symbol": f"{DAPR}.AppCallback"},),
    "itself": ({"file_containing_symbol": "grpc.reflection.v1.ServerReflection"},),
    "itself-alpha": ({"file_containing_symbol": "grpc.reflection.v1alpha.ServerReflection"},),
    "unknown-symbol": ({"file_containing_symbol": "nope.X"}, {"file_containing_symbol": ""}),
    "again": (
        {"file_containing_symbol": f"{DAPR}.Dapr"},
        {"file_containing_symbol": f"{DAPR}.TopicEventRequest"},
    ),
    "extension": (
        {"file_containing_extension": {"containing_type": "nope", "extension_number": 5}},
        {"all_extension_numbers_of_type": f"{DAPR}.PublishEventRequest"},
        {"all_extension_numbers_of_type": "nope"},
    ),
    "nothing": ({"list_services": "*"}, {}),
}  # fmt: skip
SIDECARS = Group("reflection", (), app=False)


@pytest.fixture(scope="module")
def both(
    programs: tuple[Program, Program], portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pair]:
    manager = pair(programs, SIDECARS, tmp_path_factory.mktemp("reflection"))
    with portal.wrap_async_context_manager(manager) as running:
        yield running


async def asked(
    sidecar: Running, package: str, requests: Sequence[Mapping[str, object]], metadata: Mapping[str, str]
) -> tuple[str, list[Any]]:
    """How a call with `requests` ended, and what it was answered."""
    request: Any = message_class("ServerReflectionRequest")
    response: Any = message_class("ServerReflectionResponse")
    path, answers = f"/{package}.ServerReflection/ServerReflectionInfo", list[Any]()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{sidecar.ports[1]}") as channel:
        opened = cast("Any", channel.stream_stream)(
            path, lambda message: message.SerializeToString(), response.FromString
        )
        call = opened((request(**each) for each in requests), metadata=tuple(metadata.items()), timeout=20)
        try:
            answers = [answer async for answer in call]
        except grpc.aio.AioRpcError as error:
            return f"{error.code().name} {error.details()}", answers
    return "OK", answers


def told(answer: Any) -> object:
    """Of files their names, as each library and each version writes its own options into them."""
    files = [
        descriptor_pb2.FileDescriptorProto.FromString(each)
        for each in answer.file_descriptor_response.file_descriptor_proto
    ]
    named = [file.name for file in files]
    answer.file_descriptor_response.ClearField("file_descriptor_proto")
    said = MessageToDict(answer)
    if "listServicesResponse" in said:
        listed = said["listServicesResponse"]["service"]
        said["listServicesResponse"] = [each for each in listed if each != UNSERVED]
    if "errorResponse" in said:  # Go tells its own words with one of two blanks, by chance
        said["errorResponse"]["errorMessage"] = said["errorResponse"]["errorMessage"].replace("\xa0", " ")
    return named[:1], said


@pytest.mark.parametrize("package", ["grpc.reflection.v1", "grpc.reflection.v1alpha"])
@pytest.mark.parametrize("name", REQUESTS)
def test_the_same_is_told(both: Pair, portal: BlockingPortal, name: str, package: str) -> None:
    async def ask() -> list[tuple[str, list[Any]]]:
        ways = (asked(each, package, REQUESTS[name], NAMED) for each in (both.real, both.ours))
        return list(await asyncio.gather(*ways))

    (real_end, real), (end, ours) = portal.call(ask)
    assert end == real_end
    assert [told(answer) for answer in ours] == [told(answer) for answer in real]


@pytest.mark.parametrize("symbol", [f"{DAPR}.Dapr", "grpc.reflection.v1.ServerReflection"])
def test_a_client_can_make_its_calls_of_what_is_told(both: Pair, portal: BlockingPortal, symbol: str) -> None:
    """The files are whole: each message of each method is in them."""

    async def ask() -> list[Any]:
        return (await asked(both.ours, "grpc.reflection.v1", [{"file_containing_symbol": symbol}], NAMED))[1]

    (answer,) = portal.call(ask)
    told = map(
        descriptor_pb2.FileDescriptorProto.FromString, answer.file_descriptor_response.file_descriptor_proto
    )
    files = {file.name: file for file in told}
    pool = descriptor_pool.DescriptorPool()

    def add(name: str) -> None:
        file = files.pop(name, None)
        for each in file.dependency if file else ():
            add(each)
        if file:
            pool.Add(file)

    for name in tuple(files):
        add(name)
    service = pool.FindServiceByName(symbol)
    assert all(method.input_type.full_name and method.output_type.full_name for method in service.methods)
