"""The properties of `docker:index/container:Container`: types, defaults, what replaces.

Taken from the official plugin's schema; what neither replaces nor is in `UPDATED_IN_PLACE` is
recorded in the state only, as there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from localcloud.providers.docker.common import LABELS
from localcloud.providers.framework import (
    Anything,
    Boolean,
    Integer,
    ListOf,
    MapOf,
    Object,
    Property,
    SetOf,
    String,
)

UPDATED_IN_PLACE: Final = (
    "restart",
    "maxRetryCount",
    "cpuShares",
    "memory",
    "memoryReservation",
    "cpuSet",
    "memorySwap",
)
"""Inputs that `docker update` can change in a running container."""


def _matching(pattern: str) -> Callable[[str], str | None]:
    def check(value: str) -> str | None:
        return None if re.fullmatch(pattern, value) else f"{value!r} does not match {pattern}"

    return check


def _at_least(least: int) -> Callable[[int], str | None]:
    return lambda value: None if value >= least else f"must be at least {least}"


def _not_empty(values: list[str]) -> str | None:
    return "values for command may not be empty" if "" in values else None


def _absolute(value: str) -> str | None:
    return None if value.startswith("/") else f"{value!r} must be an absolute path"


def _unsupported(_: object) -> str:
    return "the local cloud's docker provider does not support it"


def _given_nothing(_: object, new: object) -> bool:
    """An empty value means the image's own, whatever that is."""
    return not new


_DURATION: Final = _matching(r"(\d+(\.\d+)?(ns|us|µs|ms|s|m|h))+|0")

_MOUNT: Final = Object(
    Property("target", required=True),
    Property("source"),
    Property("type", required=True, choices=("bind", "volume", "tmpfs")),
    Property("readOnly", Boolean),
    Property("bindOptions", Object(Property("propagation"))),
    Property(
        "volumeOptions",
        Object(
            Property("noCopy", Boolean),
            Property("labels", LABELS),
            Property("driverName"),
            Property("driverOptions", MapOf(String)),
            Property("subpath"),
        ),
    ),
    Property("tmpfsOptions", Object(Property("sizeBytes", Integer), Property("mode", Integer))),
)

_VOLUME: Final = Object(
    Property("containerPath"),
    Property("fromContainer"),
    Property("hostPath", validate=_absolute),
    Property("volumeName"),
    Property("readOnly", Boolean),
    Property("selinuxRelabel", choices=("z", "Z")),
)

_PORT: Final = Object(
    Property("internal", Integer, required=True),
    Property("external", Integer, computed=True),
    Property("ip", default="0.0.0.0"),  # noqa: S104 - the official plugin's default
    Property("protocol", default="tcp"),
)

_NETWORK: Final = Object(
    Property("name", required=True),
    Property("aliases", SetOf(String)),
    Property("ipv4Address"),
    Property("ipv6Address"),
    Property("linkLocalIps", SetOf(String)),
    Property("macAddress"),
    Property("driverOpts", SetOf(String)),
    Property("gwPriority", Integer),
)

_UPLOAD: Final = Object(
    Property("file", required=True),
    Property("content"),
    Property("contentBase64"),
    Property("source"),
    Property("sourceHash"),
    Property("executable", Boolean, default=False),
    Property("permissions", validate=_matching(r"0[0-7]{3}")),
)

_HEALTHCHECK: Final = Object(
    Property("tests", ListOf(String)),
    *(
        Property(name, default="0s", validate=_DURATION)
        for name in ("interval", "timeout", "startPeriod", "startInterval")
    ),
    Property("retries", Integer, default=0, validate=_at_least(0)),
)

_ULIMIT: Final = Object(
    Property("name", required=True),
    Property("soft", Integer, required=True),
    Property("hard", Integer, required=True),
)


def _replacing(*names: str) -> tuple[Property, ...]:
    return tuple(Property(name, force_new=True) for name in names)


PROPERTIES: Final = (
    Property("name", force_new=True),
    Property("image", required=True, force_new=True),
    # What runs.
    Property("command", ListOf(String), computed=True, force_new=True, validate=_not_empty),
    Property("entrypoints", ListOf(String), computed=True, force_new=True),
    Property("envs", SetOf(String), computed=True, force_new=True),
    Property("labels", LABELS, computed=True, force_new=True),
    Property("user", force_new=True, suppress=_given_nothing),
    Property("workingDir", force_new=True, suppress=_given_nothing),
    Property("hostname", computed=True, force_new=True),
    Property("init", Boolean, computed=True),
    Property("tty", Boolean, default=False, force_new=True),
    Property("stdinOpen", Boolean, default=False, force_new=True),
    Property("stopSignal", computed=True, force_new=True),
    Property("stopTimeout", Integer, computed=True, force_new=True),
    Property("platform", computed=True, force_new=True),
    Property("runtime", computed=True, force_new=True),
    # An update that tells the daemon nothing, as for `init` and `tmpfs`.
    Property("healthcheck", _HEALTHCHECK, computed=True),
    Property("uploads", SetOf(_UPLOAD), force_new=True),
    *_replacing("domainname", "cgroupParent", "cgroupnsMode", "pidMode", "usernsMode"),
    # Confinement.
    Property("readOnly", Boolean, default=False, force_new=True),
    Property("privileged", Boolean, force_new=True),
    Property(
        "capabilities",
        Object(Property("adds", SetOf(String)), Property("drops", SetOf(String))),
        force_new=True,
    ),
    Property("securityOpts", SetOf(String), computed=True, force_new=True),
    Property("sysctls", MapOf(String), force_new=True),
    Property("ulimits", SetOf(_ULIMIT), force_new=True),
    Property("groupAdds", SetOf(String), force_new=True),
    Property("ipcMode", computed=True, force_new=True),
    # Limits.
    Property("memory", Integer, validate=_at_least(0)),
    Property("memoryReservation", Integer, default=0, validate=_at_least(0)),
    Property("memorySwap", Integer, validate=_at_least(-1)),
    Property("shmSize", Integer, computed=True, force_new=True, validate=_at_least(0)),
    Property("cpus", force_new=True),
    Property("cpuShares", Integer, validate=_at_least(0)),
    Property("cpuSet", validate=_matching(r"\d+([,-]\d+)*")),
    Property("cpuPeriod", Integer, validate=_at_least(0)),
    Property("cpuQuota", Integer, validate=_at_least(0)),
    Property("storageOpts", MapOf(String), force_new=True),
    # Files.
    Property("mounts", SetOf(_MOUNT), force_new=True),
    Property("volumes", SetOf(_VOLUME), force_new=True),
    Property("tmpfs", MapOf(String)),
    # Network.
    Property("networkMode", default="bridge", force_new=True),
    Property("networksAdvanced", SetOf(_NETWORK), force_new=True),
    # The plugin has a list here but takes one in another order for the same.
    Property("ports", SetOf(_PORT), force_new=True),
    Property("publishAllPorts", Boolean, force_new=True),
    Property("dns", SetOf(String), force_new=True),
    Property("dnsOpts", SetOf(String), force_new=True),
    Property("dnsSearches", SetOf(String), force_new=True),
    Property(
        "hosts",
        SetOf(Object(Property("host", required=True), Property("ip", required=True))),
        force_new=True,
    ),
    # Logs.
    Property("logDriver", computed=True, force_new=True),
    Property("logOpts", MapOf(String), force_new=True),
    # Life.
    Property("restart", default="no", choices=("no", "on-failure", "always", "unless-stopped")),
    Property("maxRetryCount", Integer),
    Property("start", Boolean, default=True),
    Property("wait", Boolean, default=False),
    Property("waitTimeout", Integer, default=60),
    Property("attach", Boolean, default=False),
    Property("logs", Boolean, default=False),
    Property("mustRun", Boolean, default=True),
    Property("rm", Boolean, default=False),
    Property("removeVolumes", Boolean, default=True),
    Property("destroyGraceSeconds", Integer),
    Property("containerReadRefreshTimeoutMilliseconds", Integer, default=15000),
    # Devices have no use on a server without any.
    *(
        Property(name, Anything, validate=_unsupported)
        for name in (
            "devices",
            "deviceRequests",
            "deviceReadBps",
            "deviceReadIops",
            "deviceWriteBps",
            "deviceWriteIops",
            "deviceCgroupRules",
            "gpus",
        )
    ),
    # What only Docker knows.
    Property("bridge", output=True),
    Property("containerLogs", output=True),
    Property("exitCode", Integer, output=True),
    Property("networkDatas", ListOf(Anything), output=True),
)
