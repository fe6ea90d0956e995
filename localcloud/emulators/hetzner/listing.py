"""Lists as the API gives them: filtered, sorted, paged."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from fastapi import Request

from localcloud.emulators.hetzner import rules
from localcloud.emulators.hetzner.errors import invalid
from localcloud.emulators.store import Row

DEFAULT_PER_PAGE = 25
MAX_PER_PAGE = 50


def listing(
    request: Request,
    key: str,
    rows: Sequence[Row],
    *,
    filters: Collection[str] = ("name",),
    sorts: Collection[str] = ("id", "name", "created"),
    show: Callable[[Row], Row] = lambda row: row,
) -> dict[str, Any]:
    """One page of `rows` under `key`, with the API's `meta`."""
    query = request.query_params
    found = list(rows)
    for field in filters:
        wanted = query.getlist(field)
        if wanted:
            found = [row for row in found if str(row.get(field)) in wanted]
    selector = query.get("label_selector")
    if selector:
        found = [row for row in found if rules.matches_selector(row.get("labels", {}), selector)]
    for order in reversed(query.getlist("sort")):
        field, _, direction = order.partition(":")
        if field not in sorts or direction not in ("", "asc", "desc"):
            raise invalid("sort", f"'{order}' is not a field to sort by")
        found.sort(key=lambda row, name=field: row[name], reverse=direction == "desc")
    page = _number(query.get("page"), "page", 1)
    size = min(_number(query.get("per_page"), "per_page", DEFAULT_PER_PAGE), MAX_PER_PAGE)
    last = max(1, -(-len(found) // size))
    return {
        key: [show(row) for row in found[(page - 1) * size : page * size]],
        "meta": {
            "pagination": {
                "page": page,
                "per_page": size,
                "previous_page": page - 1 if page > 1 else None,
                "next_page": page + 1 if page < last else None,
                "last_page": last,
                "total_entries": len(found),
            }
        },
    }


def _number(text: str | None, field: str, default: int) -> int:
    if text is None:
        return default
    if not text.isdigit() or int(text) < 1:
        raise invalid(field, "must be a number of at least 1")
    return int(text)
