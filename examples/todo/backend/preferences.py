"""What a person likes, kept in the state store under a key of the client's choosing."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path
from pydantic import BaseModel, JsonValue

from backend.board import board

router = APIRouter(prefix="/api/state", tags=["preferences"])

Key = Annotated[str, Path(min_length=1, max_length=250)]


class Saved(BaseModel):
    success: bool = True


@router.post("/{key}")
async def save(key: Key, value: dict[str, JsonValue]) -> Saved:
    await board.state().save(key, value)
    return Saved()


@router.get("/{key}")
async def get(key: Key) -> object:
    value = await board.state().get(key)
    if value is None:
        raise HTTPException(404, f"nothing is kept under {key!r}")
    return value


@router.delete("/{key}", status_code=204)
async def delete(key: Key) -> None:
    await board.state().delete(key)
