"""Takes orders over plain HTTP, and says at `/dapr/subscribe` that it wants them."""

import os

import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()


@app.get("/dapr/subscribe")
def subscriptions() -> list[dict[str, str]]:
    return [{"pubsubname": "orderpubsub", "topic": "orders", "route": "orders"}]


@app.post("/orders")
async def take_order(request: Request) -> dict[str, bool]:
    event = await request.json()
    print("Order received:", event["data"]["orderId"], event["source"], event["datacontenttype"], flush=True)
    return {"success": True}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
