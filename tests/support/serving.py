"""The type of the fixture `serving`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import httpx
from fastapi import FastAPI

from outboard import Outboard

__all__ = ["Serving"]

Serving: TypeAlias = Callable[[FastAPI, Outboard], AbstractAsyncContextManager[httpx.AsyncClient]]
"""Runs an app with its lifespan, connected to a scripted sidecar; gives a client of the app."""
