"""From what Docker says of a container to the resource's outputs."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from localcloud.providers.docker.common import each, map_to_labels
from localcloud.providers.framework import Values

_MIB: Final = 1024 * 1024

Json = Mapping[str, Any]


def outputs(found: Mapping[str, Any], state: Values) -> Values:
    """The outputs of an inspected container; what Docker does not tell keeps its value.

    Environment and labels are not read back, because the image's own are mixed into them.
    """
    config: Json = found["Config"]
    host: Json = found["HostConfig"]
    restart: Json = host.get("RestartPolicy") or {}
    return {
        "id": found["Id"],
        "name": str(found["Name"]).lstrip("/"),
        "image": _image(found, state),
        "hostname": config.get("Hostname"),
        "domainname": config.get("Domainname"),
        "command": config.get("Cmd") or [],
        "entrypoints": config.get("Entrypoint") or [],
        "user": config.get("User"),
        "workingDir": config.get("WorkingDir"),
        "tty": config.get("Tty", False),
        "stdinOpen": config.get("OpenStdin", False),
        "stopSignal": config.get("StopSignal"),
        "stopTimeout": config.get("StopTimeout"),
        "healthcheck": _healthcheck(config.get("Healthcheck")),
        "rm": host.get("AutoRemove", False),
        "readOnly": host.get("ReadonlyRootfs", False),
        "privileged": host.get("Privileged", False),
        "publishAllPorts": host.get("PublishAllPorts", False),
        "dns": host.get("Dns") or [],
        "dnsOpts": host.get("DnsOptions") or [],
        "dnsSearches": host.get("DnsSearch") or [],
        "securityOpts": host.get("SecurityOpt") or [],
        "restart": restart.get("Name"),
        "maxRetryCount": restart.get("MaximumRetryCount"),
        "init": bool(host.get("Init")),
        "runtime": host.get("Runtime"),
        "platform": found.get("Platform"),
        "mounts": [_mount(mount) for mount in each(host.get("Mounts"))],
        "tmpfs": host.get("Tmpfs") or {},
        "hosts": _extra_hosts(host.get("ExtraHosts")),
        "shmSize": (host.get("ShmSize") or 0) // _MIB,
        "cpuShares": host.get("CpuShares"),
        "cpuSet": host.get("CpusetCpus"),
        "logDriver": host["LogConfig"]["Type"],
        "logOpts": host["LogConfig"].get("Config") if state.get("logOpts") else None,
        "storageOpts": host.get("StorageOpt") or {},
        "networkMode": host.get("NetworkMode"),
        "usernsMode": host.get("UsernsMode"),
        "sysctls": host.get("Sysctls") or {},
        "ipcMode": host.get("IpcMode"),
        "groupAdds": host.get("GroupAdd") or [],
        **_memory(host),
        **_networks(found, state),
        **_life(found, state),
        **_when_given(host, state),
    }


def _image(found: Mapping[str, Any], state: Values) -> str:
    """An image given by id comes back as an id, one given by name as that name."""
    by_id = str(state.get("image", "")).startswith("sha256:")
    return str(found["Image"] if by_id else found["Config"]["Image"])


def _memory(host: Mapping[str, Any]) -> Values:
    swap = host.get("MemorySwap") or 0
    return {
        "memory": (host.get("Memory") or 0) // _MIB,
        "memoryReservation": (host.get("MemoryReservation") or 0) // _MIB,
        "memorySwap": swap // _MIB if swap > 0 else swap,
    }


def _networks(found: Mapping[str, Any], state: Values) -> Values:
    settings: Mapping[str, Any] = found.get("NetworkSettings") or {}
    networks: Mapping[str, Json] = settings.get("Networks") or {}
    datas = [
        {
            "networkName": name,
            "ipAddress": data.get("IPAddress", ""),
            "ipPrefixLength": data.get("IPPrefixLen", 0),
            "gateway": data.get("Gateway", ""),
            "globalIpv6Address": data.get("GlobalIPv6Address", ""),
            "globalIpv6PrefixLength": data.get("GlobalIPv6PrefixLen", 0),
            "ipv6Gateway": data.get("IPv6Gateway", ""),
            "macAddress": data.get("MacAddress", ""),
        }
        for name, data in sorted(networks.items())
    ]
    result: Values = {"bridge": settings.get("Bridge", ""), "networkDatas": datas}
    # An exited container has no ports: that is no drift where it need not run.
    expected = found["State"]["Running"] or state.get("mustRun", True)
    if state.get("ports") and expected:
        result["ports"] = _ports(settings.get("Ports") or {})
    return result


def _ports(ports: Mapping[str, list[Mapping[str, str]] | None]) -> list[Values]:
    result: list[Values] = []
    for key, bindings in ports.items():
        internal, _, protocol = key.partition("/")
        result += [
            {
                "internal": int(internal),
                "external": int(binding["HostPort"]),
                "ip": binding["HostIp"],
                "protocol": protocol,
            }
            for binding in bindings or []
        ]
    return result


def _life(found: Mapping[str, Any], state: Values) -> Values:
    if found["State"]["Running"]:
        return {}
    stopped: Values = {"exitCode": found["State"]["ExitCode"]}
    if state.get("mustRun"):
        stopped["mustRun"] = False  # differs from the input, so that the next update starts it
    return stopped


def _when_given(host: Mapping[str, Any], state: Values) -> Values:
    """What is compared only where the program says something about it."""
    result: Values = {}
    if state.get("ulimits"):
        result["ulimits"] = [
            {"name": item["Name"], "soft": item["Soft"], "hard": item["Hard"]}
            for item in each(host.get("Ulimits"))
        ]
    if state.get("pidMode"):
        result["pidMode"] = host.get("PidMode")
    if host.get("CapAdd") or host.get("CapDrop"):
        result["capabilities"] = {
            "adds": host.get("CapAdd") or [],
            "drops": host.get("CapDrop") or [],
        }
    if host.get("NanoCpus"):
        result["cpus"] = decimal_cpus(host["NanoCpus"])
    return result


def decimal_cpus(nano: int) -> str:
    """Docker's billionths of a CPU as the plugin writes them: 1.5, 0.25, and 1.0 for whole ones."""
    whole = Decimal(nano) / 1_000_000_000
    text = f"{whole:.9f}"
    return f"{whole:.1f}" if text.count("0") == 9 else text.rstrip("0")


def _healthcheck(check: Mapping[str, Any] | None) -> Values | None:
    if not check:
        return None
    return {
        "tests": check.get("Test") or [],
        "interval": go_duration(check.get("Interval", 0)),
        "timeout": go_duration(check.get("Timeout", 0)),
        "startPeriod": go_duration(check.get("StartPeriod", 0)),
        "startInterval": go_duration(check.get("StartInterval", 0)),
        "retries": check.get("Retries", 0),
    }


def go_duration(nanoseconds: int) -> str:
    """A duration as Go prints it: `1m30s`, `500ms`, `0s`."""
    if nanoseconds == 0:
        return "0s"
    if nanoseconds < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000), ("ns", 1)):
            if nanoseconds >= size:
                return f"{_plain(Decimal(nanoseconds) / size)}{unit}"
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    hours, minutes = seconds // 3600, seconds % 3600 // 60
    last = _plain(Decimal(seconds % 60) + Decimal(rest) / 1_000_000_000)
    if hours:
        return f"{hours}h{minutes}m{last}s"
    return f"{minutes}m{last}s" if minutes else f"{last}s"


def _plain(number: Decimal) -> str:
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _mount(mount: Mapping[str, Any]) -> Values:
    result: Values = {
        "target": mount["Target"],
        "source": mount.get("Source", ""),
        "type": mount["Type"],
        "readOnly": mount.get("ReadOnly", False),
    }
    if mount.get("BindOptions"):
        result["bindOptions"] = {"propagation": mount["BindOptions"].get("Propagation", "")}
    if mount.get("VolumeOptions"):
        options: Json = mount["VolumeOptions"]
        labels: Mapping[str, str] = options.get("Labels") or {}
        driver: Json = options.get("DriverConfig") or {}
        result["volumeOptions"] = {
            "noCopy": options.get("NoCopy", False),
            "labels": map_to_labels(labels),
            "driverName": driver.get("Name", ""),
            "driverOptions": driver.get("Options") or {},
            "subpath": options.get("Subpath", ""),
        }
    if mount.get("TmpfsOptions"):
        options = mount["TmpfsOptions"]
        result["tmpfsOptions"] = {
            "sizeBytes": options.get("SizeBytes", 0),
            "mode": options.get("Mode", 0),
        }
    return result


def _extra_hosts(items: list[str] | None) -> list[Values]:
    parts = [item.partition(":") for item in items or []]
    return [{"host": host, "ip": ip} for host, _, ip in parts]
