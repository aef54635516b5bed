"""Calls between services on Dapr's own SDK run as they are: by its client, and by stubs of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.projects import APP, Project, running

STOCK = """
import json, os
import grpc
from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse

app = App()

@app.method("left")
def left(request: InvokeMethodRequest) -> InvokeMethodResponse:
    told = {"article": request.text(), "caller": dict(request.metadata).get("dapr-caller-app-id")}
    return InvokeMethodResponse(json.dumps(told), "application/json")

class Prices(grpc.GenericRpcHandler):
    def service(self, details):
        if details.method == "/shop.Prices/Get":
            return grpc.unary_unary_rpc_method_handler(lambda article, context: article + b": 7")
        if details.method == "/shop.Prices/Watch":
            return grpc.stream_stream_rpc_method_handler(self.watch)

    def watch(self, articles, context):
        for article in articles:
            yield article + b": 8"
        context.abort(grpc.StatusCode.OUT_OF_RANGE, "no more")

app.add_external_service(lambda prices, server: server.add_generic_rpc_handlers([prices]), Prices())
app.run(int(os.environ["APP_PORT"]))
"""
SHOP = """
import asyncio, json, os, threading, time, urllib.request
import grpc

METADATA = (("dapr-app-id", "stock"),)

def checked(name, found, wanted):
    verdict = "fine" if found == wanted else f"{{found!r}}, not {{wanted!r}}"
    sys.stdout.write(f"CHECK {{name}} {{verdict}}\\n")
    sys.stdout.flush()

def eventually(call):
    while True:
        try:
            return call()
        except Exception as error:  # the other one is not up yet
            last = error
            time.sleep(0.1)

{calls}
"""
SYNC = """
from dapr.clients import DaprClient

def calls():
    with DaprClient() as client:
        answer = eventually(lambda: client.invoke_method("stock", "left", "tea", content_type="text/plain"))
        checked("method", json.loads(answer.text()), {"article": "tea", "caller": ["shop"]})
    with grpc.insecure_channel("127.0.0.1:" + os.environ["DAPR_GRPC_PORT"]) as channel:
        answer = channel.unary_unary("/shop.Prices/Get")(b"tea", metadata=METADATA, timeout=20)
        checked("single", answer, b"tea: 7")
        watch, heard = channel.stream_stream("/shop.Prices/Watch"), []
        watched = watch(iter([b"a", b"b"]), metadata=METADATA)
        try:
            for each in watched:
                heard.append(each)
        except grpc.RpcError as error:
            checked("status", (error.code().name, error.details()), ("OUT_OF_RANGE", "no more"))
        checked("stream", heard, [b"a: 8", b"b: 8"])
    sys.stdout.write("CHECKED\\n")
    sys.stdout.flush()
"""
AWAITED = """
from dapr.aio.clients import DaprClient

async def main():
    async with DaprClient() as client:
        while True:
            try:
                answer = await client.invoke_method("stock", "left", "tea", content_type="text/plain")
                break
            except Exception:  # the other one is not up yet
                await asyncio.sleep(0.1)
        checked("method", json.loads(answer.text()), {"article": "tea", "caller": ["shop"]})
    async with grpc.aio.insecure_channel("127.0.0.1:" + os.environ["DAPR_GRPC_PORT"]) as channel:
        answer = await channel.unary_unary("/shop.Prices/Get")(b"tea", metadata=METADATA, timeout=20)
        checked("single", answer, b"tea: 7")
        watch, heard = channel.stream_stream("/shop.Prices/Watch"), []
        watched = watch(iter([b"a", b"b"]), metadata=METADATA)
        try:
            async for each in watched:
                heard.append(each)
        except grpc.RpcError as error:
            checked("status", (error.code().name, error.details()), ("OUT_OF_RANGE", "no more"))
        checked("stream", heard, [b"a: 8", b"b: 8"])
    sys.stdout.write("CHECKED\\n")
    sys.stdout.flush()

def calls():
    asyncio.run(main())
"""
SERVER = "http.server.ThreadingHTTPServer("
THREAD = "threading.Thread(target=calls, daemon=True).start()\n"
CHECKS = ("method", "single", "status", "stream")


@pytest.mark.parametrize("calls", [SYNC, AWAITED], ids=["sync", "awaited"])
def test_calls_of_an_app_over_grpc(tmp_path: Path, calls: str) -> None:
    project = Project(tmp_path)
    project.add("stock", more="    appProtocol: grpc\n").write_text(STOCK, encoding="utf-8")
    source = APP.replace(SERVER, f"{SHOP.format(calls=calls)}\n{THREAD}{SERVER}")
    project.add("shop").write_text(source, encoding="utf-8")
    with running(project) as run:
        run.line("CHECKED")
        said = [each["line"] for each in run.seen if each["event"] == "log"]
        assert [each for each in said if each.startswith("CHECK ")] == [
            f"CHECK {name} fine" for name in CHECKS
        ]
        assert run.interrupt() == 0
