"""The vendor's errors: code, HTTP status and body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

STATUS: Mapping[str, int] = {
    "unauthorized": 401,
    "forbidden": 403,
    "protected": 403,
    "resource_limit_exceeded": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "conflict": 409,
    "uniqueness_error": 409,
    "ip_not_available": 409,
    "no_subnet_available": 409,
    "deprecated_api_endpoint": 410,
    "placement_error": 412,
    "resource_unavailable": 412,
    "unsupported_error": 422,
    "invalid_server_type": 422,
    "invalid_input": 422,
    "server_not_stopped": 422,
    "server_already_attached": 422,
    "server_already_added": 422,
    "networks_overlap": 422,
    "volume_already_attached": 422,
    "resource_in_use": 422,
    "must_be_offline": 422,
    "firewall_already_applied": 422,
    "firewall_resource_not_found": 422,
    "firewall_resource_already_removed": 422,
    "primary_ip_assigned": 409,
    "locked": 423,
    "rate_limit_exceeded": 429,
    "service_error": 500,
    "server_error": 500,
    "unavailable": 503,
    "timeout": 504,
}


class ApiError(Exception):
    """An answer other than success, as the vendor words it."""

    def __init__(self, code: str, message: str, details: Mapping[str, Any] | None = None) -> None:
        """An error with one of the codes in `STATUS`."""
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.details = details

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return STATUS[self.code]

    @property
    def body(self) -> dict[str, Any]:
        """JSON body of the answer."""
        return {"error": {"code": self.code, "message": self.message, "details": self.details}}


def invalid(field: str, *messages: str) -> ApiError:
    """A field with a value that is refused."""
    fields = [{"name": field, "messages": list(messages)}]
    return ApiError("invalid_input", f"invalid input in field '{field}'", {"fields": fields})


def not_found(kind: str, key: object) -> ApiError:
    """Something that the request refers to does not exist."""
    return ApiError("not_found", f"{kind} with ID '{key}' not found")


def not_unique(field: str) -> ApiError:
    """A value that must be unique is in use."""
    details = {"fields": [{"name": field, "messages": [f"{field} is already used"]}]}
    return ApiError("uniqueness_error", f"{field} is already used", details)


def locked(kind: str) -> ApiError:
    """Another action on the resource still runs."""
    return ApiError("locked", f"{kind} is locked: another action is running")


def protected(kind: str) -> ApiError:
    """The resource carries a protection against what was asked."""
    return ApiError("protected", f"{kind} deletion is protected")


CODES_BY_STATUS: Mapping[int, str] = {
    400: "invalid_input",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    409: "conflict",
    423: "locked",
    429: "rate_limit_exceeded",
    502: "unavailable",
    503: "unavailable",
    504: "timeout",
}


def injected(status: int, /) -> Mapping[str, Any]:
    """Error body for a failure that a test asked for."""
    code = CODES_BY_STATUS.get(status, "server_error")
    return {"error": {"code": code, "message": f"injected failure {status}", "details": None}}
