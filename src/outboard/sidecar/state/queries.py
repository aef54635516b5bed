"""Queries of state as an app writes them, in JSON. Pure.

Source: Dapr, "State management query API"; daprd 1.18 for the errors.
"""

from __future__ import annotations

from typing import Final

from outboard.gojson import decoding
from outboard.gojson.jsonsyntax import syntax_error
from outboard.gojson.values import Json
from outboard.sidecar.components.remote_state import SortKey, StateQuery

__all__ = ["QueryInvalid", "read_query"]

ONE_VALUE: Final = frozenset({"EQ", "NEQ", "GT", "GTE", "LT", "LTE"})
SEVERAL: Final = frozenset({"AND", "OR"})
LEAST: Final = 2
FIELDS: Final = "query.QueryFields"


class QueryInvalid(ValueError):
    """The text is no query; the message is daprd's."""


def read_query(text: bytes) -> StateQuery:
    """Raises QueryInvalid."""
    problem = syntax_error(text)
    if problem is not None:
        raise QueryInvalid("unexpected end of JSON input" if problem.endswith("EOF") else problem)
    try:
        return _query(decoding.decode(text))
    except decoding.DecodeError as error:
        raise QueryInvalid(str(error)) from error


def _query(value: Json) -> StateQuery:
    """Raises DecodeError, QueryInvalid."""
    fields = decoding.fold({} if value is None else value, FIELDS)
    filters, listed = fields.get("filter") or {}, fields.get("sort") or []
    if not isinstance(filters, dict):
        decoding.mismatch(filters, f"Go struct field {FIELDS}.filter of type map[string]interface {{}}")
    if not isinstance(listed, list):
        decoding.mismatch(listed, f"Go struct field {FIELDS}.sort of type []query.Sorting")
    if filters:
        _check(filters)
    page = decoding.fold(fields.get("page"), "query.Pagination")
    limit = decoding.integer(page, "limit", "query.Pagination")
    token = decoding.text(page, "token", "query.Pagination") or ""
    return StateQuery(filters, [_sort(each) for each in listed], limit, token)


def _sort(value: Json) -> SortKey:
    fields = decoding.fold(value, "query.Sorting")
    key = decoding.text(fields, "key", "query.Sorting") or ""
    return SortKey(key, decoding.text(fields, "order", "query.Sorting") == "DESC")


def _check(unit: Json) -> None:
    """Raises QueryInvalid for what is no filter."""
    if not isinstance(unit, dict):
        raise QueryInvalid("filter unit must be a map")
    if len(unit) != 1:
        raise QueryInvalid("filter unit must have a single element")
    ((name, value),) = unit.items()
    if name in SEVERAL:
        if not isinstance(value, list):
            raise QueryInvalid(f"{name} filter must be an array")
        if len(value) < LEAST:
            raise QueryInvalid(f"{name} filter must contain at least two entries")
        for each in value:
            _check(each)
    elif name in ONE_VALUE or name == "IN":
        _check_pair(name, value)
    else:
        raise QueryInvalid(f'unsupported filter "{name}"')


def _check_pair(name: str, value: Json) -> None:
    if not isinstance(value, dict):
        raise QueryInvalid(f"{name} filter must be a map")
    if len(value) != 1:
        raise QueryInvalid(f"{name} filter must contain a single key/value pair")
    if name == "IN" and not all(isinstance(each, list) for each in value.values()):
        raise QueryInvalid("IN filter value must be an array")
