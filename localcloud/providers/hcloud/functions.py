"""Functions of the plugin: what the cloud offers."""

from __future__ import annotations

from localcloud.providers.framework import Context, Function, Integer, Property, Values
from localcloud.providers.hcloud.api import Api, Json


def _server_type(kind: Json) -> Values:
    deprecation: Json = kind.get("deprecation") or {}
    return {
        "id": kind["id"],
        "name": kind["name"],
        "description": kind["description"],
        "category": kind["category"],
        "cores": kind["cores"],
        "memory": int(kind["memory"]),
        "disk": kind["disk"],
        "architecture": kind["architecture"],
        "cpuType": kind["cpu_type"],
        "storageType": kind["storage_type"],
        "includedTraffic": 0,
        "isDeprecated": bool(deprecation),
        "deprecationAnnounced": deprecation.get("announced"),
        "unavailableAfter": deprecation.get("unavailable_after"),
        "locations": [
            {
                "id": place["id"],
                "name": place["name"],
                "available": place["available"],
                "recommended": place["recommended"],
                "isDeprecated": place["deprecation"] is not None,
            }
            for place in kind["locations"]
        ],
    }


def _all(ctx: Context[Api], table: str) -> list[Json]:
    return list(ctx.client.call("GET", f"/{table}?per_page=50")[table])


def _server_types(ctx: Context[Api], _arguments: Values) -> Values:
    kinds = [_server_type(kind) for kind in _all(ctx, "server_types")]
    return {
        "id": "server_types",
        "serverTypes": kinds,
        "names": [kind["name"] for kind in kinds],
        "descriptions": [kind["description"] for kind in kinds],
        "serverTypeIds": [str(kind["id"]) for kind in kinds],
    }


def _one_server_type(ctx: Context[Api], arguments: Values) -> Values:
    for kind in _all(ctx, "server_types"):
        if arguments.get("name", kind["name"]) == kind["name"] and (
            arguments.get("id", kind["id"]) == kind["id"]
        ):
            return _server_type(kind)
    return {}


def _locations(ctx: Context[Api], _arguments: Values) -> Values:
    places = [
        {
            "id": place["id"],
            "name": place["name"],
            "description": place["description"],
            "country": place["country"],
            "city": place["city"],
            "latitude": place["latitude"],
            "longitude": place["longitude"],
            "networkZone": place["network_zone"],
        }
        for place in _all(ctx, "locations")
    ]
    return {"id": "locations", "locations": places, "names": [item["name"] for item in places]}


FUNCTIONS = (
    Function(token="hcloud:index/getServerTypes:getServerTypes", run=_server_types),  # noqa: S106
    Function(
        token="hcloud:index/getServerType:getServerType",  # noqa: S106 - a function's name
        properties=(
            Property("id", Integer, exactly_one_of=("id", "name")),
            Property("name", exactly_one_of=("id", "name")),
        ),
        run=_one_server_type,
    ),
    Function(token="hcloud:index/getLocations:getLocations", run=_locations),  # noqa: S106
)
