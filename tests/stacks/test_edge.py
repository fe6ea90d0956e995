"""What becomes of the edge in a stack's plan: when it is another one, and when it is not."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any, cast

import pytest

from catalog import Catalog, Kind
from components.cloudflare.addresses import PROXY_NETWORKS
from stacks.program import Loaded, load
from tests.support.mocks import Recorded, Recorder
from tests.support.platform import edge_configs, plan_of, raw

CONTAINER = "docker:index/container:Container"
COMMAND = "command:local:Command"


def edge(recorder: Recorder) -> Recorded:
    (found,) = (
        c
        for c in recorder.of(CONTAINER)
        if c.inputs["labels"] == [{"label": "manacore.edge", "value": "edge-holder"}]
    )
    return found


def with_edge(loaded: Loaded, **changes: Any) -> Loaded:
    services = {
        s.name: s.model_copy(update=changes) if s.kind is Kind.EDGE else s for s in loaded.catalog
    }
    return replace(loaded, catalog=Catalog(services))


@pytest.fixture
def loaded() -> Loaded:
    return load("staging", raw("staging"))


def test_it_joins_the_network_of_a_holder_that_publishes_its_ports(loaded: Loaded) -> None:
    recorder, outputs = plan_of(loaded)
    joined = edge(recorder).inputs
    assert joined["networkMode"] == "container:container-main-edge-holder"
    assert not {"hostname", "sysctls"} & joined.keys()
    assert not joined.get("networksAdvanced") and not joined.get("ports")
    holder = recorder.one(CONTAINER, "main-edge-holder").inputs
    assert holder["sysctls"] == {"net.ipv4.tcp_migrate_req": "1"}
    assert all(network["aliases"] == ["edge"] for network in holder["networksAdvanced"])
    assert {(p["external"], p["protocol"]) for p in holder["ports"]} >= {
        (80, "tcp"),
        (443, "tcp"),
        (443, "udp"),
    }
    support = {s["name"]: s["container"] for s in outputs["support"]}
    assert support["edge"] == joined["name"]
    assert support["edge-holder"] == holder["name"]


def test_cloudflare_is_believed_who_the_client_is_only_where_it_is_in_between() -> None:
    given = raw("staging")
    domains = cast("dict[str, dict[str, Any]]", given["domains"])
    behind = {**domains, "uload": {**domains["uload"], "proxied": True}}
    trusted = [
        json.loads(edge_configs(plan_of(load("staging", config))[0])["main"])["apps"]["http"][
            "servers"
        ]["public"].get("trusted_proxies")
        for config in (given, {**given, "domains": behind})
    ]
    assert trusted == [None, {"source": "static", "ranges": list(PROXY_NETWORKS)}]


def test_docker_waits_longer_than_an_edge_needs_to_drain(loaded: Loaded) -> None:
    recorder, _ = plan_of(loaded)
    inputs = edge(recorder).inputs
    config = json.loads(edge_configs(recorder)["main"])
    grace = int(config["apps"]["http"]["grace_period"].removesuffix("s"))
    assert (
        inputs["stopTimeout"] == inputs["destroyGraceSeconds"] > int(inputs["command"][3]) + grace
    )


@pytest.mark.parametrize(
    "changes", [{"image": "docker.io/library/caddy:2.11.8"}, {"cpus": 2.0}], ids=["image", "cpus"]
)
def test_another_edge_has_another_name_and_folder_and_the_holder_stays(
    loaded: Loaded, changes: dict[str, Any]
) -> None:
    before, after = (plan_of(made)[0] for made in (loaded, with_edge(loaded, **changes)))
    old, new = edge(before), edge(after)
    # A resource of another name: a replaced one would be deleted before it is made again.
    assert old.name != new.name
    assert old.inputs["name"] != new.inputs["name"]
    assert old.inputs["mounts"][0]["source"] != new.inputs["mounts"][0]["source"]
    assert old.inputs["healthcheck"]["tests"] != new.inputs["healthcheck"]["tests"]
    holders = [p.one(CONTAINER, "main-edge-holder").inputs for p in (before, after)]
    assert holders[0] == holders[1]


def test_a_new_route_is_another_edge_too(loaded: Loaded) -> None:
    fewer = Catalog({s.name: s for s in loaded.catalog if s.name != "nutriphi-web"})
    before, after = (plan_of(made)[0] for made in (replace(loaded, catalog=fewer), loaded))
    assert edge(before).inputs["name"] != edge(after).inputs["name"]


def test_the_edge_that_runs_keeps_its_callers_until_the_new_one_is_told_to_take_them(
    loaded: Loaded,
) -> None:
    recorder, _ = plan_of(loaded)
    name = edge(recorder).inputs["name"]
    keep, switch = (recorder.one(COMMAND, f"main-edge-{n}").inputs for n in ("keep", "switch"))
    assert keep["create"].endswith("edge-holder'")
    assert switch["create"].endswith(f"edge-holder {name}'")
    assert keep["triggers"] == [name.removeprefix("edge-")]
    assert switch["triggers"] == [f"container-{edge(recorder).name}"]
