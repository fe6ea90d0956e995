"""What the vendor offers: locations, server types with prices, images.

Prices are examples in the API's form (net and gross, per hour and month, in euro); they are read
from the API by whoever needs them, so their exact amounts matter to nobody's code.
"""

from __future__ import annotations

from typing import Any

from localcloud.emulators.store import Row

VAT = 1.19
CURRENCY = "EUR"

LOCATIONS: list[Row] = [
    {
        "id": number,
        "name": name,
        "description": description,
        "country": country,
        "city": city,
        "latitude": latitude,
        "longitude": longitude,
        "network_zone": zone,
    }
    for number, name, description, country, city, latitude, longitude, zone in (
        (
            1,
            "fsn1",
            "Falkenstein DC Park 1",
            "DE",
            "Falkenstein",
            50.47612,
            12.370071,
            "eu-central",
        ),
        (2, "nbg1", "Nuremberg DC Park 1", "DE", "Nuremberg", 49.452102, 11.076665, "eu-central"),
        (3, "hel1", "Helsinki DC Park 1", "FI", "Helsinki", 60.169855, 24.938379, "eu-central"),
        (4, "ash", "Ashburn, VA", "US", "Ashburn, VA", 39.045821, -77.487073, "us-east"),
        (5, "hil", "Hillsboro, OR", "US", "Hillsboro, OR", 45.54222, -122.951924, "us-west"),
        (6, "sin", "Singapore", "SG", "Singapore", 1.283333, 103.833333, "ap-southeast"),
    )
]
EUROPE = ("fsn1", "nbg1", "hel1")
AMERICA_ASIA = ("ash", "hil", "sin")
EVERYWHERE = (*EUROPE, *AMERICA_ASIA)

Offer = tuple[int, str, str, int, float, int, float, tuple[str, ...]]
"""id, name, category, cores, memory (GB), disk (GB), euro per month, locations."""

OFFERS: tuple[Offer, ...] = (
    (114, "cx23", "cost_optimized", 2, 4, 40, 3.49, EUROPE),
    (115, "cx33", "cost_optimized", 4, 8, 80, 5.49, EUROPE),
    (116, "cx43", "cost_optimized", 8, 16, 160, 9.49, EUROPE),
    (117, "cx53", "cost_optimized", 16, 32, 320, 17.49, EUROPE),
    (45, "cax11", "cost_optimized", 2, 4, 40, 3.79, EUROPE),
    (93, "cax21", "cost_optimized", 4, 8, 80, 6.49, EUROPE),
    (94, "cax31", "cost_optimized", 8, 16, 160, 12.49, EUROPE),
    (95, "cax41", "cost_optimized", 16, 32, 320, 24.49, EUROPE),
    (22, "cpx11", "regular_purpose", 2, 2, 40, 4.49, AMERICA_ASIA),
    (23, "cpx21", "regular_purpose", 3, 4, 80, 8.99, AMERICA_ASIA),
    (24, "cpx31", "regular_purpose", 4, 8, 160, 15.99, AMERICA_ASIA),
    (25, "cpx41", "regular_purpose", 8, 16, 240, 29.99, AMERICA_ASIA),
    (26, "cpx51", "regular_purpose", 16, 32, 360, 60.99, AMERICA_ASIA),
    (109, "cpx22", "regular_purpose", 2, 4, 80, 6.49, EUROPE),
    (110, "cpx32", "regular_purpose", 4, 8, 160, 10.99, EUROPE),
    (111, "cpx42", "regular_purpose", 8, 16, 320, 19.99, EUROPE),
    (112, "cpx52", "regular_purpose", 12, 24, 480, 28.49, EUROPE),
    (113, "cpx62", "regular_purpose", 16, 32, 640, 38.99, EUROPE),
    (96, "ccx13", "general_purpose", 2, 8, 80, 12.49, EVERYWHERE),
    (97, "ccx23", "general_purpose", 4, 16, 160, 24.49, EVERYWHERE),
    (98, "ccx33", "general_purpose", 8, 32, 240, 48.49, EVERYWHERE),
    (99, "ccx43", "general_purpose", 16, 64, 360, 96.49, EVERYWHERE),
    (100, "ccx53", "general_purpose", 32, 128, 600, 192.49, EVERYWHERE),
    (101, "ccx63", "general_purpose", 48, 192, 960, 288.49, EVERYWHERE),
)

RETIRING: frozenset[str] = frozenset({"cpx11", "cpx21", "cpx31", "cpx41", "cpx51"})
"""Still listed, announced to end in some locations; CX22 to CX52, CX11 to CX51 and CCX12 to CCX62
(CX32, CCX22, CCX32, CCX42 among them) are gone from the list: they cannot be ordered."""
DEPRECATION: Row = {
    "announced": "2025-10-16T06:00:00+00:00",
    "unavailable_after": "2027-12-31T23:59:59+00:00",
}


def _money(net: float, digits: int = 10) -> dict[str, str]:
    return {"net": f"{net:.{digits}f}", "gross": f"{net * VAT:.{digits}f}"}


def _prices(month: float, places: tuple[str, ...]) -> list[Row]:
    return [
        {
            "location": place,
            "price_hourly": _money(month / 624),
            "price_monthly": _money(month),
            "included_traffic": (20 if place in EUROPE else 1) * 1024**4,
            "price_per_tb_traffic": _money(1.0),
        }
        for place in places
    ]


def _server_type(offer: Offer) -> Row:
    number, name, category, cores, memory, disk, month, places = offer
    deprecation = DEPRECATION if name in RETIRING else None
    ids = {location["name"]: location["id"] for location in LOCATIONS}
    return {
        "id": number,
        "name": name,
        "description": name.upper(),
        "category": category,
        "cores": cores,
        "memory": memory,
        "disk": disk,
        "deprecated": deprecation is not None,
        "deprecation": deprecation,
        "prices": _prices(month, places),
        "storage_type": "local",
        "cpu_type": "dedicated" if name.startswith("ccx") else "shared",
        "architecture": "arm" if name.startswith("cax") else "x86",
        "locations": [
            {
                "id": ids[place],
                "name": place,
                "deprecation": deprecation,
                "available": True,
                "recommended": deprecation is None,
            }
            for place in places
        ],
    }


SERVER_TYPES: list[Row] = [_server_type(offer) for offer in OFFERS]


def _image(number: int, name: str, flavor: str, version: str, architecture: str) -> Row:
    return {
        "id": number,
        "type": "system",
        "status": "available",
        "name": name,
        "description": f"{flavor.capitalize()} {version}",
        "image_size": None,
        "disk_size": 5,
        "created": "2025-08-11T06:00:00+00:00",
        "created_from": None,
        "bound_to": None,
        "os_flavor": flavor,
        "os_version": version,
        "rapid_deploy": True,
        "protection": {"delete": False},
        "deprecated": None,
        "deleted": None,
        "labels": {},
        "architecture": architecture,
    }


IMAGES: list[Row] = [
    _image(base + offset, name, flavor, version, architecture)
    for offset, architecture in ((0, "x86"), (1, "arm"))
    for base, name, flavor, version in (
        (114690387, "debian-12", "debian", "12"),
        (310557660, "debian-13", "debian", "13"),
        (67794396, "ubuntu-22.04", "ubuntu", "22.04"),
        (161547269, "ubuntu-24.04", "ubuntu", "24.04"),
        (349411700, "ubuntu-26.04", "ubuntu", "26.04"),
        (311043640, "fedora-43", "fedora", "43"),
        (308416380, "rocky-10", "rocky", "10"),
        (308416390, "alma-10", "alma", "10"),
    )
]


def pricing() -> dict[str, Any]:
    """The answer of /pricing."""
    return {
        "currency": CURRENCY,
        "vat_rate": f"{(VAT - 1) * 100:.6f}",
        "image": {"price_per_gb_month": _money(0.011)},
        "volume": {"price_per_gb_month": _money(0.044)},
        "server_backup": {"percentage": "20.000000"},
        "primary_ips": [
            {
                "type": kind,
                "prices": [
                    {
                        "location": location["name"],
                        "price_hourly": _money(month / 624),
                        "price_monthly": _money(month),
                    }
                    for location in LOCATIONS
                ],
            }
            for kind, month in (("ipv4", 0.5), ("ipv6", 0.0))
        ],
        "floating_ip": {"price_monthly": _money(3.0)},
        "floating_ips": [],
        "traffic": {"price_per_tb": _money(1.0)},
        "load_balancer_types": [],
        "server_types": [
            {"id": item["id"], "name": item["name"], "prices": item["prices"]}
            for item in SERVER_TYPES
        ],
    }
