"""Routes of volumes and the jobs behind them."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request

from localcloud.emulators.hetzner import catalogue, requests, rules
from localcloud.emulators.hetzner.actions import Step, now
from localcloud.emulators.hetzner.cloud import Cloud, by_key, location
from localcloud.emulators.hetzner.errors import ApiError, invalid, protected
from localcloud.emulators.hetzner.listing import listing
from localcloud.emulators.store import Row

SMALLEST, LARGEST = 10, 10240
"""Sizes in GB."""


def show_volume(row: Row) -> Row:
    """A volume in the API's form."""
    return {**row, "location": by_key(catalogue.LOCATIONS, row["location"])}


class VolumeJobs:
    """What the actions on volumes do; each may be repeated."""

    def __init__(self, cloud: Cloud) -> None:
        """Jobs on the project's volumes."""
        self._cloud = cloud
        cloud.actions.register(
            {
                "volume.create": self.create,
                "volume.attach": self.attach,
                "volume.detach": self.detach,
            }
        )

    def create(self, volume_id: int) -> None:
        """Make the volume."""
        row = self._cloud.row("volumes", volume_id)
        self._cloud.machines.create_volume(volume_id, row["size"], row["format"])
        with self._cloud.store.transaction():
            self._cloud.row("volumes", volume_id)["status"] = "available"

    def attach(self, volume_id: int, server_id: int) -> None:
        """Show it to the machine, when there is one: a server that never ran gets it at start."""
        if self._cloud.machines.status(server_id) != "missing":
            self._cloud.machines.attach_volume(server_id, volume_id)

    def detach(self, volume_id: int, server_id: int) -> None:
        """Take it from the machine."""
        if self._cloud.machines.status(server_id) != "missing":
            self._cloud.machines.detach_volume(server_id, volume_id)
        with self._cloud.store.transaction():
            self._cloud.row("volumes", volume_id)["server"] = None


def _attach_step(volume: Row, server_id: int) -> Step:
    return Step(
        command="attach_volume",
        targets=[("volume", volume["id"]), ("server", server_id)],
        job="volume.attach",
        arguments={"volume_id": volume["id"], "server_id": server_id},
    )


def create_volume(cloud: Cloud, body: requests.VolumeCreate) -> dict[str, Any]:
    """Keep a new volume and queue its actions."""
    rules.check_name(body.name)
    rules.check_labels(body.labels)
    if not SMALLEST <= body.size <= LARGEST:
        raise invalid("size", f"must be between {SMALLEST} and {LARGEST}")
    if (body.location is None) == (body.server is None):
        raise invalid("location", "either location or server must be given")
    if body.server is not None:
        cloud.actions.check_free("server", body.server)
        place = cloud.row("servers", body.server)["location"]
    else:
        place = location(body.location)["name"]
    cloud.check_unique("volumes", "name", body.name)
    number = cloud.store.next_id("volumes", 5000)
    row: Row = {
        "id": number,
        "name": body.name,
        "size": body.size,
        "server": body.server,
        "location": place,
        "format": body.format,
        "status": "creating",
        "linux_device": f"/dev/disk/by-id/scsi-0HC_Volume_{number}",
        "created": now(),
        "labels": body.labels,
        "protection": {"delete": False},
    }
    cloud.add("volumes", row)
    steps = [
        Step(
            command="create_volume",
            targets=[("volume", number)],
            job="volume.create",
            arguments={"volume_id": number},
        )
    ]
    if body.server is not None:
        steps.append(_attach_step(row, body.server))
    first, *following = cloud.actions.queue(*steps)
    return {"volume": show_volume(row), "action": first, "next_actions": following}


def router(cloud: Cloud) -> APIRouter:  # noqa: PLR0915 - one statement per route
    """Routes under /v1/volumes."""
    VolumeJobs(cloud)
    api = APIRouter(prefix="/volumes")
    store = cloud.store

    def free(number: int) -> Row:
        row = cloud.row("volumes", number)
        cloud.actions.check_free("volume", number)
        return row

    @api.get("")
    def index(request: Request) -> dict[str, Any]:
        rows = cloud.rows("volumes")
        return listing(request, "volumes", rows, filters=("name", "status"), show=show_volume)

    @api.post("", status_code=201)
    def create(body: requests.VolumeCreate) -> dict[str, Any]:
        with store.transaction():
            return create_volume(cloud, body)

    @api.get("/{number}")
    def show(number: int) -> dict[str, Any]:
        return {"volume": show_volume(cloud.row("volumes", number))}

    @api.put("/{number}")
    def update(number: int, body: requests.Renamed) -> dict[str, Any]:
        with store.transaction():
            row = cloud.row("volumes", number)
            cloud.rename("volumes", row, body.name)
            if body.labels is not None:
                rules.check_labels(body.labels)
                row["labels"] = body.labels
            return {"volume": show_volume(row)}

    @api.delete("/{number}", status_code=204)
    def delete(number: int) -> None:
        with store.transaction():
            row = free(number)
            if row["protection"]["delete"]:
                raise protected("volume")
            if row["server"] is not None:
                raise ApiError("volume_already_attached", "volume is attached to a server")
        cloud.machines.delete_volume(number)
        with store.transaction() as tables:
            tables["volumes"].pop(str(number), None)

    @api.post("/{number}/actions/attach", status_code=201)
    def attach(number: int, body: requests.VolumeAttach) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            server = cloud.row("servers", body.server)
            cloud.actions.check_free("server", body.server)
            if row["server"] is not None:
                raise ApiError("volume_already_attached", "volume is already attached")
            if row["location"] != server["location"]:
                raise invalid("server", "server must be in the location of the volume")
            row["server"] = body.server
            return {"action": cloud.actions.queue(_attach_step(row, body.server))[0]}

    @api.post("/{number}/actions/detach", status_code=201)
    def detach(number: int) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if row["server"] is None:
                raise ApiError("conflict", "volume is not attached to a server")
            cloud.actions.check_free("server", row["server"])
            step = Step(
                command="detach_volume",
                targets=[("volume", number), ("server", row["server"])],
                job="volume.detach",
                arguments={"volume_id": number, "server_id": row["server"]},
            )
            return {"action": cloud.actions.queue(step)[0]}

    @api.post("/{number}/actions/resize", status_code=201)
    def resize(number: int, body: requests.VolumeResize) -> dict[str, Any]:
        with store.transaction():
            row = free(number)
            if not row["size"] < body.size <= LARGEST:
                raise invalid("size", "must be larger than the present size")
            row["size"] = body.size
            return {"action": cloud.actions.done("resize_volume", ("volume", number))}

    @api.post("/{number}/actions/change_protection", status_code=201)
    def protect(number: int, body: requests.Protection) -> dict[str, Any]:
        with store.transaction():
            free(number)["protection"] = {"delete": bool(body.delete)}
            return {"action": cloud.actions.done("change_protection", ("volume", number))}

    return api
