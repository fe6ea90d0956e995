"""What is baked into an app's image follows from the catalogue."""

from __future__ import annotations

import json

import pytest

from catalog import load_catalog
from localcloud.images.service import AppService, Fault, fault_of

CATALOG = load_catalog()


@pytest.mark.parametrize("service", CATALOG.slotted, ids=lambda service: service.name)
def test_every_app_gets_port_health_and_variables_of_its_entry(service: object) -> None:
    entry = next(one for one in CATALOG.slotted if one is service)
    baked = AppService.of(entry)
    assert (baked.name, baked.port, baked.health) == (entry.name, entry.port, entry.health)
    assert set(baked.required) == set(entry.env)
    assert set(baked.secret) <= set(baked.required)


def test_a_backend_with_a_database_needs_its_url_and_hides_it() -> None:
    chat = AppService.of(CATALOG["chat-backend"])
    assert chat.database
    assert "DATABASE_URL" in chat.required
    assert "DATABASE_URL" in chat.secret


def test_auth_and_uload_use_redis_and_wisekeep_writes_into_folders() -> None:
    assert AppService.of(CATALOG["mana-core-auth"]).redis
    assert AppService.of(CATALOG["uload-web"]).redis
    wisekeep = AppService.of(CATALOG["wisekeep-backend"])
    assert wisekeep.websockets
    assert "TRANSCRIPTS_DIR" in wisekeep.folders


@pytest.mark.parametrize("fault", Fault)
def test_the_end_of_a_tag_builds_a_fault_in(fault: Fault) -> None:
    assert fault_of(f"main-abc1234-{fault.value}") is fault
    service = AppService.of(CATALOG["chat-web"])
    document = json.loads(service.document(f"main-abc1234-{fault.value}"))
    assert document["fault"] == fault.value


def test_an_ordinary_tag_has_no_fault() -> None:
    assert fault_of("main-4f1c2ab") is None
    assert json.loads(AppService.of(CATALOG["chat-web"]).document("main"))["fault"] is None
