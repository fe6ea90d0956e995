"""GitHub's error answers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

DOCS = "https://docs.github.com/rest"
SECONDARY_LIMIT = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
)
SECONDARY_LIMIT_DOCS = (
    "https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api"
    "#about-secondary-rate-limits"
)
UPGRADE = "Upgrade to GitHub Pro or make this repository public to enable this feature."


class ApiError(Exception):
    """An answer that is an error, with GitHub's body."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        errors: Sequence[Mapping[str, Any] | str] = (),
        documentation_url: str = DOCS,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """An error of `status` that says `message`, and `errors` in detail."""
        super().__init__(message)
        self.status = status
        self.errors = list(errors)
        self.documentation_url = documentation_url
        self.headers = dict(headers or {})

    @property
    def body(self) -> dict[str, Any]:
        """The answer's JSON."""
        details: dict[str, Any] = {"errors": self.errors} if self.errors else {}
        return {
            "message": str(self),
            **details,
            "documentation_url": self.documentation_url,
            "status": str(self.status),
        }


def not_found() -> ApiError:
    """The same answer for what is absent and for what the token may not see."""
    return ApiError(404, "Not Found")


def invalid(*errors: Mapping[str, Any] | str, message: str = "Validation Failed") -> ApiError:
    """A body that GitHub understood and refuses."""
    return ApiError(422, message, errors=errors)


def missing(resource: str, field: str) -> dict[str, str]:
    """A required field is not there."""
    return {"resource": resource, "field": field, "code": "missing_field"}


def schema_error(message: str) -> ApiError:
    """A body that is not of the endpoint's schema."""
    return ApiError(422, f"Invalid request.\n\n{message}")


def injected(status: int, /) -> dict[str, Any]:
    """The body of a failure that a test asked for."""
    if status in (403, 429):
        error = ApiError(status, SECONDARY_LIMIT, documentation_url=SECONDARY_LIMIT_DOCS)
    else:
        messages = {401: "Bad credentials", 404: "Not Found", 422: "Validation Failed"}
        error = ApiError(status, messages.get(status, "Server Error"))
    return error.body
