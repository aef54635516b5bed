"""Takes orders over plain HTTP."""

import os

import uvicorn
from fastapi import FastAPI, Request

app = FastAPI()


@app.post("/orders")
async def take_order(request: Request) -> dict[str, bool]:
    order = await request.json()
    print("Order received:", order, request.headers.get("dapr-caller-app-id"), flush=True)
    return {"success": True}


uvicorn.run(app, host="127.0.0.1", port=int(os.environ["APP_PORT"]), log_level="warning")
