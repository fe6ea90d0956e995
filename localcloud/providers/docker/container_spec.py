"""From a container's inputs to what Docker's API is asked for."""

from __future__ import annotations

import base64
import io
import re
import tarfile
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from localcloud.providers.docker.common import labels_to_map
from localcloud.providers.framework import ProviderError, Values

_MIB: Final = 1024 * 1024
_NANOSECONDS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}

Body = dict[str, Any]


def create_body(inputs: Values) -> Body:
    """The body of `POST /containers/create`. Networks are connected afterwards."""
    volumes, binds, volumes_from = _volumes(inputs.get("volumes", []))
    exposed, bindings = _ports(inputs.get("ports", []))
    body: Body = {
        "Image": inputs["image"],
        "Hostname": inputs.get("hostname", ""),
        "Domainname": inputs.get("domainname", ""),
        "Tty": inputs["tty"],
        "OpenStdin": inputs["stdinOpen"],
        "StopSignal": inputs.get("stopSignal"),
        "StopTimeout": inputs.get("stopTimeout"),
        "Env": sorted(inputs.get("envs", [])),
        "Cmd": inputs.get("command"),
        "Entrypoint": inputs.get("entrypoints"),
        "User": inputs.get("user"),
        "WorkingDir": inputs.get("workingDir"),
        "Labels": labels_to_map(inputs.get("labels", [])),
        "ExposedPorts": exposed,
        "Volumes": volumes,
        "Healthcheck": _healthcheck(inputs.get("healthcheck")),
        "HostConfig": _host_config(inputs, bindings, binds, volumes_from),
    }
    return {key: value for key, value in body.items() if value is not None}


def _host_config(
    inputs: Values, bindings: Body, binds: Sequence[str], volumes_from: Sequence[str]
) -> Body:
    # `systempaths=unconfined` is no option of the daemon's: the client takes the paths away.
    options = list(inputs.get("securityOpts", []))
    unconfined = "systempaths=unconfined" in options
    capabilities: Mapping[str, list[str]] = inputs.get("capabilities", {})
    body: Body = {
        "Privileged": inputs.get("privileged", False),
        "PublishAllPorts": inputs.get("publishAllPorts", False),
        "RestartPolicy": _restart(inputs),
        "Runtime": inputs.get("runtime"),
        "Mounts": [_mount(mount) for mount in inputs.get("mounts", [])],
        "AutoRemove": inputs["rm"],
        "ReadonlyRootfs": inputs["readOnly"],
        "LogConfig": {"Type": inputs.get("logDriver", ""), "Config": inputs.get("logOpts", {})},
        "Tmpfs": inputs.get("tmpfs"),
        "PortBindings": bindings,
        "ExtraHosts": [f"{item['host']}:{item['ip']}" for item in inputs.get("hosts", [])],
        "Binds": list(binds),
        "VolumesFrom": list(volumes_from),
        "Ulimits": [
            {"Name": item["name"], "Soft": item["soft"], "Hard": item["hard"]}
            for item in inputs.get("ulimits", [])
        ],
        "CapAdd": capabilities.get("adds"),
        "CapDrop": capabilities.get("drops"),
        "Dns": inputs.get("dns"),
        "DnsOptions": inputs.get("dnsOpts"),
        "DnsSearch": inputs.get("dnsSearches"),
        "SecurityOpt": [item for item in options if item != "systempaths=unconfined"],
        "MaskedPaths": [] if unconfined else None,
        "ReadonlyPaths": [] if unconfined else None,
        "ShmSize": inputs["shmSize"] * _MIB if inputs.get("shmSize") else None,
        "CpuPeriod": None if "cpus" in inputs else inputs.get("cpuPeriod"),
        "CpuQuota": None if "cpus" in inputs else inputs.get("cpuQuota"),
        "NanoCpus": _nano_cpus(inputs["cpus"]) if inputs.get("cpus") else None,
        "NetworkMode": inputs["networkMode"],
        "UsernsMode": inputs.get("usernsMode"),
        "PidMode": inputs.get("pidMode"),
        "IpcMode": inputs.get("ipcMode"),
        "CgroupnsMode": inputs.get("cgroupnsMode"),
        "CgroupParent": inputs.get("cgroupParent"),
        "Sysctls": inputs.get("sysctls"),
        "GroupAdd": inputs.get("groupAdds"),
        "StorageOpt": inputs.get("storageOpts"),
        "Init": inputs.get("init", False),
        **_limits(inputs),
    }
    return {key: value for key, value in body.items() if value is not None}


def update_body(inputs: Values) -> Body:
    """The body of `POST /containers/<id>/update`."""
    limits = {key: value for key, value in _limits(inputs).items() if value is not None}
    return {**limits, "RestartPolicy": _restart(inputs)}


def _restart(inputs: Values) -> Body:
    return {"Name": inputs["restart"], "MaximumRetryCount": inputs.get("maxRetryCount", 0)}


def _limits(inputs: Values) -> Body:
    swap: int | None = inputs.get("memorySwap")
    return {
        "Memory": inputs.get("memory", 0) * _MIB,
        "MemoryReservation": inputs.get("memoryReservation", 0) * _MIB,
        "MemorySwap": swap * _MIB if swap and swap > 0 else swap,
        "CpuShares": inputs.get("cpuShares"),
        "CpusetCpus": inputs.get("cpuSet"),
    }


def _nano_cpus(cpus: str) -> int:
    try:
        return int(Decimal(cpus) * 1_000_000_000)
    except ArithmeticError as error:
        raise ProviderError(f"Error setting cpus: {cpus!r} is not a number") from error


def _healthcheck(check: Mapping[str, Any] | None) -> Body | None:
    if check is None:
        return None
    return {
        "Test": check.get("tests", []),
        "Interval": nanoseconds(check["interval"]),
        "Timeout": nanoseconds(check["timeout"]),
        "StartPeriod": nanoseconds(check["startPeriod"]),
        "StartInterval": nanoseconds(check["startInterval"]),
        "Retries": check["retries"],
    }


def nanoseconds(duration: str) -> int:
    """The length of a Go duration such as `1m30s`."""
    parts = re.findall(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", duration)
    return int(sum(Decimal(number) * _NANOSECONDS[unit] for number, unit in parts))


def _mount(mount: Mapping[str, Any]) -> Body:
    body: Body = {
        "Type": mount["type"],
        "Target": mount["target"],
        "Source": mount.get("source", ""),
        "ReadOnly": mount.get("readOnly", False),
    }
    bind, volume, tmpfs = (mount.get(f"{kind}Options") for kind in ("bind", "volume", "tmpfs"))
    if mount["type"] == "bind" and bind:
        body["BindOptions"] = {"Propagation": bind.get("propagation", "")}
    if mount["type"] == "volume" and volume:
        body["VolumeOptions"] = {
            "NoCopy": volume.get("noCopy", False),
            "Labels": labels_to_map(volume.get("labels", [])),
            "DriverConfig": {
                "Name": volume.get("driverName", ""),
                "Options": volume.get("driverOptions", {}),
            },
            "Subpath": volume.get("subpath", ""),
        }
    if mount["type"] == "tmpfs" and tmpfs:
        body["TmpfsOptions"] = {
            "SizeBytes": tmpfs.get("sizeBytes", 0),
            "Mode": tmpfs.get("mode", 0),
        }
    return body


def _volumes(volumes: Sequence[Mapping[str, Any]]) -> tuple[Body, list[str], list[str]]:
    anonymous: Body = {}
    binds: list[str] = []
    volumes_from: list[str] = []
    for volume in volumes:
        origin, path = volume.get("fromContainer"), volume.get("containerPath")
        source = volume.get("hostPath") or volume.get("volumeName")
        if bool(origin) == bool(path):
            raise ProviderError(
                "Unable to parse volumes: an entry needs a container path or a source container, "
                "and not both"
            )
        if origin:
            volumes_from.append(origin)
            continue
        anonymous[str(path)] = {}
        if source:
            mode = "ro" if volume.get("readOnly") else "rw"
            relabel = volume.get("selinuxRelabel")
            binds.append(f"{source}:{path}:{mode}{f',{relabel}' if relabel else ''}")
    return anonymous, binds, volumes_from


def _ports(ports: Sequence[Mapping[str, Any]]) -> tuple[Body, Body]:
    exposed: Body = {}
    bindings: Body = {}
    for port in ports:
        key = f"{port['internal']}/{port['protocol']}"
        exposed[key] = {}
        binding = {"HostPort": str(port.get("external", 0)), "HostIp": port["ip"]}
        bindings.setdefault(key, []).append(binding)
    return exposed, bindings


def endpoint_body(network: Mapping[str, Any]) -> Body:
    """The endpoint settings of one entry of `networksAdvanced`."""
    options = [item.partition("=") for item in network.get("driverOpts", [])]
    body: Body = {
        "Aliases": sorted(network.get("aliases", [])),
        "IPAMConfig": {
            "IPv4Address": network.get("ipv4Address", ""),
            "IPv6Address": network.get("ipv6Address", ""),
            "LinkLocalIPs": sorted(network.get("linkLocalIps", [])),
        },
        "MacAddress": network.get("macAddress", ""),
        "DriverOpts": {key: value for key, _, value in options},
    }
    if network.get("gwPriority"):
        body["GwPriority"] = network["gwPriority"]
    return body


def upload_archive(upload: Mapping[str, Any]) -> bytes:
    """A tar archive, to be unpacked at `/`, with one uploaded file."""
    given = [name for name in ("content", "contentBase64", "source") if upload.get(name)]
    if len(given) != 1:
        raise ProviderError(
            "error with upload content: exactly one of 'content', 'content_base64', or 'source' "
            "must be set"
        )
    content = _upload_content(upload, given[0])
    header = tarfile.TarInfo(str(upload["file"]))
    header.size = len(content)
    if upload.get("permissions"):
        header.mode = int(upload["permissions"], 8)
    else:
        header.mode = 0o744 if upload.get("executable") else 0o644
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(header, io.BytesIO(content))
    return buffer.getvalue()


def _upload_content(upload: Mapping[str, Any], kind: str) -> bytes:
    if kind == "content":
        return str(upload["content"]).encode()
    if kind == "contentBase64":
        return base64.b64decode(upload["contentBase64"])
    try:
        return Path(upload["source"]).read_bytes()
    except OSError as error:
        raise ProviderError(f"could not read file: {error}") from error
