"""All services with slots in one release."""

from __future__ import annotations

import pytest

from catalog import load_catalog
from tests.local.platform import Platform
from tests.local.releases import BACKEND, OLD, WEB, answers, live, push, receipt
from tests.local.unharmed import unharmed

pytestmark = [pytest.mark.local, pytest.mark.full]

TAG = "main-5e70a11"


def test_all_services_in_one_set_and_their_rollback_lose_no_request(platform: Platform) -> None:
    services = [service.name for service in load_catalog().slotted]
    new = [f"{service}={TAG}" for service in services]
    push(platform, *new)
    before = {service: live(platform, service) for service in (WEB, BACKEND)}
    with unharmed(platform):
        done = receipt(platform, "release", *new, "--watch", "0")
        assert done["outcome"] == "released", done["reason"]
        assert [answers(platform, service) for service in before] == [TAG, TAG]
        back = receipt(platform, "rollback")
        assert back["outcome"] == "rolled-back", back["reason"]

    assert {change["service"] for change in done["services"]} == set(services)
    assert (done["prober"]["failed"], done["prober"]["broken"]) == (0, "")
    # One flip for the whole set, and back by one as well: the old slots were warm.
    assert [step["name"] for step in done["steps"]].count("flip") == 1
    assert [step["name"] for step in back["steps"]] == ["flip", "record"]
    assert {service: live(platform, service) for service in before} == before
    assert answers(platform, WEB) == OLD
    assert platform.preview() == {}
