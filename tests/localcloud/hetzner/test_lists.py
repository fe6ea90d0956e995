"""Lists of the Hetzner emulator: pages, order and filters as at the vendor."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from hcloud.locations.domain import Location

from tests.localcloud.hetzner.conftest import TOKEN, Emulator


def ask(emulator: Emulator, path: str, **query: Any) -> httpx.Response:
    """A plain request, with parameters that the vendor's client would not send."""
    headers = {"Authorization": f"Bearer {TOKEN}"}
    return httpx.get(f"{emulator.endpoint}{path}", params=query, headers=headers)


def names(answer: httpx.Response, key: str = "networks") -> list[str]:
    return [row["name"] for row in answer.json()[key]]


@pytest.fixture
def networks(emulator: Emulator) -> Emulator:
    """Five networks whose names and ids have different orders."""
    for index, name in enumerate(("delta", "alpha", "echo", "bravo", "charlie")):
        labels = {"stack": "staging" if index % 2 == 0 else "production", "index": str(index)}
        emulator.client.networks.create(name=name, ip_range=f"10.{index}.0.0/16", labels=labels)
    return emulator


def test_pages_tell_where_they_are_and_miss_nothing(networks: Emulator) -> None:
    seen: list[str] = []
    page: int | None = 1
    while page is not None:
        answer = ask(networks, "/networks", page=page, per_page=2)
        pagination = answer.json()["meta"]["pagination"]
        assert pagination == {
            "page": page,
            "per_page": 2,
            "previous_page": page - 1 if page > 1 else None,
            "next_page": page + 1 if page < 3 else None,
            "last_page": 3,
            "total_entries": 5,
        }
        seen += names(answer)
        page = pagination["next_page"]
    assert seen == ["delta", "alpha", "echo", "bravo", "charlie"]


def test_a_page_beyond_the_last_is_empty_and_a_page_is_never_larger_than_50(
    networks: Emulator,
) -> None:
    beyond = ask(networks, "/networks", page=9, per_page=2)
    assert beyond.is_success
    assert names(beyond) == []
    large = ask(networks, "/networks", per_page=5000).json()["meta"]["pagination"]
    assert large["per_page"] == 50
    assert ask(networks, "/networks").json()["meta"]["pagination"]["per_page"] == 25


def test_the_vendors_client_reads_all_pages(emulator: Emulator) -> None:
    client = emulator.client
    for index in range(30):
        client.primary_ips.create(
            type="ipv6", name=f"address-{index}", location=Location(name="fsn1")
        )
    assert len(client.primary_ips.get_all()) == 30


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("name", ["alpha", "bravo", "charlie", "delta", "echo"]),
        ("name:asc", ["alpha", "bravo", "charlie", "delta", "echo"]),
        ("name:desc", ["echo", "delta", "charlie", "bravo", "alpha"]),
        ("id:desc", ["charlie", "bravo", "echo", "alpha", "delta"]),
    ],
)
def test_lists_are_sorted_as_asked(networks: Emulator, order: str, expected: list[str]) -> None:
    assert names(ask(networks, "/networks", sort=order)) == expected


def test_the_first_order_that_is_asked_for_counts_most(networks: Emulator) -> None:
    # All were made within the same second or two: the second order decides among equals.
    answer = ask(networks, "/networks", sort=["created:asc", "name:desc"])
    rows = answer.json()["networks"]
    assert rows == sorted(
        sorted(rows, key=lambda row: row["name"], reverse=True), key=lambda row: row["created"]
    )


@pytest.mark.parametrize("order", ["colour", "name:up", "ip_range"])
def test_an_order_that_does_not_exist_is_refused(networks: Emulator, order: str) -> None:
    answer = ask(networks, "/networks", sort=order)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert error["code"] == "invalid_input"
    assert error["details"]["fields"][0]["name"] == "sort"


@pytest.mark.parametrize("query", [{"page": 0}, {"page": "x"}, {"per_page": -1}])
def test_a_page_that_is_no_number_is_refused(networks: Emulator, query: dict[str, Any]) -> None:
    answer = ask(networks, "/networks", **query)
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["fields"][0]["name"] == next(iter(query))


def test_a_name_filters_exactly(networks: Emulator) -> None:
    assert names(ask(networks, "/networks", name="alpha")) == ["alpha"]
    assert names(ask(networks, "/networks", name="alph")) == []
    found = networks.client.networks.get_by_name("bravo")
    assert found is not None
    assert found.ip_range == "10.3.0.0/16"


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("stack=staging", ["delta", "echo", "charlie"]),
        ("stack==staging", ["delta", "echo", "charlie"]),
        ("stack!=staging", ["alpha", "bravo"]),
        ("stack", ["delta", "alpha", "echo", "bravo", "charlie"]),
        ("!stack", []),
        ("index in (0, 3)", ["delta", "bravo"]),
        ("index notin (0,3)", ["alpha", "echo", "charlie"]),
        ("stack=staging,index in (2,3)", ["echo"]),
    ],
)
def test_a_label_selector_chooses(networks: Emulator, selector: str, expected: list[str]) -> None:
    assert names(ask(networks, "/networks", label_selector=selector)) == expected
    found = networks.client.networks.get_all(label_selector=selector)
    assert [item.name for item in found] == expected


def test_a_label_selector_that_is_none_is_refused(networks: Emulator) -> None:
    answer = ask(networks, "/networks", label_selector="stack=(")
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["fields"][0]["name"] == "label_selector"


def test_what_the_vendor_offers_is_listed_and_filtered(emulator: Emulator) -> None:
    architectures = {
        row["architecture"] for row in ask(emulator, "/images", name="debian-13").json()["images"]
    }
    assert architectures == {"x86", "arm"}
    arm = ask(emulator, "/images", name="debian-13", architecture="arm").json()["images"]
    assert [row["architecture"] for row in arm] == ["arm"]
    assert ask(emulator, "/server_types", name="ccx33").json()["server_types"][0]["cores"] == 8
