"""The form of every answer and error of the API, and its pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Any, TypeVar

from fastapi import Request
from fastapi.responses import JSONResponse

ItemT = TypeVar("ItemT")


@dataclass(frozen=True)
class Problem:
    """One entry of an answer's `errors`."""

    code: int
    message: str

    def body(self) -> dict[str, Any]:
        """As it is sent."""
        return {"code": self.code, "message": self.message}


class ApiError(Exception):
    """A request that is refused."""

    def __init__(self, status: int, *problems: Problem, headers: Mapping[str, str] = {}) -> None:
        super().__init__("; ".join(problem.message for problem in problems))
        self.status = status
        self.problems = problems
        self.headers = dict(headers)

    def response(self) -> JSONResponse:
        """The answer of a refused request."""
        body = failure_body(self.problems)
        return JSONResponse(body, status_code=self.status, headers=self.headers)


def refuse(status: int, code: int, message: str) -> ApiError:
    """An error with one problem."""
    return ApiError(status, Problem(code, message))


def failure_body(problems: Sequence[Problem]) -> dict[str, Any]:
    """The body of a refused request."""
    return {
        "success": False,
        "errors": [problem.body() for problem in problems],
        "messages": [],
        "result": None,
    }


def fault_body(status: int, /) -> Mapping[str, Any]:
    """The body that belongs to a status code which a fault rule injects."""
    known = {
        429: Problem(971, "Please wait and consider throttling your request speed"),
        500: Problem(10001, "Internal server error"),
        503: Problem(10001, "Service is currently unavailable"),
    }
    return failure_body([known.get(status, Problem(10000, f"injected failure {status}"))])


def success(result: object, info: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The body of an answered request."""
    body: dict[str, Any] = {"success": True, "errors": [], "messages": [], "result": result}
    if info is not None:
        body["result_info"] = dict(info)
    return body


def page(
    request: Request, items: Sequence[ItemT], *, default: int = 20, most: int = 50
) -> dict[str, Any]:
    """The page of `items` that the query's `page` and `per_page` ask for."""
    number = _positive(request, "page", 1)
    size = min(_positive(request, "per_page", default), most)
    chosen = list(items[(number - 1) * size : number * size])
    info = {
        "page": number,
        "per_page": size,
        "count": len(chosen),
        "total_count": len(items),
        "total_pages": max(1, ceil(len(items) / size)),
    }
    return success(chosen, info)


def _positive(request: Request, name: str, default: int) -> int:
    text = request.query_params.get(name, str(default))
    if not text.isdigit() or int(text) < 1:
        raise refuse(400, 1012, f"Invalid value for query parameter {name}: must be 1 or more")
    return int(text)
