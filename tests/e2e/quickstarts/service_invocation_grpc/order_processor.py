"""Takes orders over gRPC, with the extension of Dapr's SDK."""

import json
import os

from dapr.ext.grpc import App, InvokeMethodRequest, InvokeMethodResponse

app = App()


@app.method(name="orders")  # type: ignore[untyped-decorator]
def take_order(request: InvokeMethodRequest) -> InvokeMethodResponse:
    order = json.loads(request.text())
    print("Order received:", order, request.content_type, flush=True)
    return InvokeMethodResponse(json.dumps({"success": True}), "application/json")


app.run(int(os.environ["APP_PORT"]))
