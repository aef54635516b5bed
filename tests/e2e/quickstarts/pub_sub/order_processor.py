"""Takes orders: FastAPI with the extension of Dapr's SDK."""

import os

import uvicorn
from dapr.ext.fastapi import DaprApp
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
dapr_app = DaprApp(app)


class CloudEvent(BaseModel):
    """What the sidecar gives the app."""

    datacontenttype: str
    source: str
    topic: str
    pubsubname: str
    data: dict[str, int]
    id: str
    specversion: str
    type: str


@dapr_app.subscribe(pubsub="orderpubsub", topic="orders")  # type: ignore[untyped-decorator]
async def take_order(event: CloudEvent) -> dict[str, bool]:
    print("Order received:", event.data["orderId"], event.source, event.type, flush=True)
    return {"success": True}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
