"""The edge's configuration, as a document."""

from __future__ import annotations

import ipaddress
import json
import subprocess
from pathlib import Path
from typing import Any, Literal, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.edge.certificates import Certificates
from components.edge.config import EdgeConfig
from components.edge.routes import InternalRoute, MetricsRoute, PublicRoute, Slots, Upstream
from tests.components.edge.caddy import CADDY, environment
from tests.support.platform import edge_configs, planned

UPSTREAM = Upstream(container="one-blue", port=3001, slot="blue")
IDLE = Upstream(container="one-green", port=3001, slot="green")
SLOTS = Slots(service="one", upstreams=[UPSTREAM, IDLE])
POINTER = "{file./etc/edge-slots/live/one}"
HOSTS = st.lists(st.from_regex(r"[a-z]{1,8}\.example\.org", fullmatch=True), unique=True)


def config(issuer: Literal["acme", "internal"] = "acme", **changes: Any) -> EdgeConfig:
    route: dict[str, Any] = {"upstream": SLOTS, "health": "/health", **changes}
    return EdgeConfig(
        public=[PublicRoute(host="one.example.org", www=True, **route)],
        internal=[InternalRoute(port=3001, **route)],
        metrics=[MetricsRoute(name="one", upstream=SLOTS, path="/metrics")],
        certificates=Certificates(
            issuer=issuer, email="a@example.org", directory="https://acme.invalid/dir"
        ),
    )


def document(issuer: Literal["acme", "internal"] = "acme", **changes: Any) -> dict[str, Any]:
    return json.loads(config(issuer, **changes).json())


def servers(made: dict[str, Any]) -> dict[str, Any]:
    return made["apps"]["http"]["servers"]


def proxies(made: Any) -> list[dict[str, Any]]:
    """Every reverse proxy in a document, in its order."""
    if isinstance(made, dict):
        part = cast(dict[str, Any], made)
        own = [part] if part.get("handler") == "reverse_proxy" else []
        return own + proxies(list(part.values()))
    inner = cast(list[Any], made) if isinstance(made, list) else []
    return [found for part in inner for found in proxies(part)]


def dials(made: Any) -> list[list[str]]:
    """What every reverse proxy in a document dials, in its order."""
    return [[upstream["dial"] for upstream in proxy["upstreams"]] for proxy in proxies(made)]


def accepted(text: str, folder: Path) -> None:
    file = folder / "caddy.json"
    file.write_text(text)
    result = subprocess.run(
        [CADDY, "validate", "--config", file],
        capture_output=True,
        text=True,
        check=False,
        env=environment(folder),
    )
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize(
    "text",
    [
        config().json(),
        config("internal").json(),
    ],
    ids=["acme", "internal"],
)
def test_caddy_itself_accepts_it(text: str, tmp_path: Path) -> None:
    accepted(text, tmp_path)


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_caddy_accepts_what_a_stack_applies(stack: str, tmp_path: Path) -> None:
    recorder, _ = planned(stack)
    (text,) = edge_configs(recorder).values()
    accepted(text, tmp_path)


def test_the_administration_is_on_a_socket_that_only_the_container_has() -> None:
    assert document()["admin"]["listen"].startswith("unix//run/caddy/")


def test_certificates_come_from_the_configured_authority() -> None:
    def issuer(kind: Literal["acme", "internal"]) -> dict[str, Any]:
        return document(kind)["apps"]["tls"]["automation"]["policies"][0]["issuers"][0]

    assert issuer("acme")["ca"] == "https://acme.invalid/dir"
    assert "trusted_roots_pem_files" not in issuer("acme")
    assert issuer("internal") == {"module": "internal"}


def test_a_private_directorys_root_is_a_file_that_the_issuer_trusts() -> None:
    made = Certificates(issuer="acme", email="a@example.org", directory="x", root="PEM")
    (issuer,) = made.document()["automation"]["policies"][0]["issuers"]
    assert made.files == {"acme-root.pem": "PEM"}
    assert issuer["trusted_roots_pem_files"] == ["/etc/edge/acme-root.pem"]


def test_hosts_behind_a_proxy_are_challenged_by_http_alone() -> None:
    made = Certificates(
        issuer="acme", email="a@example.org", directory="x", proxied=["b.test", "a.test"]
    )
    first, rest = made.document()["automation"]["policies"]
    assert first["subjects"] == ["a.test", "b.test"]
    assert first["issuers"][0]["challenges"] == {"tls-alpn": {"disabled": True}}
    assert "subjects" not in rest and "challenges" not in rest["issuers"][0]


def test_uploads_and_answers_have_no_limit_as_a_whole_but_stalled_ones_are_cut() -> None:
    public = servers(document())["public"]
    assert "read_timeout" not in public
    assert "write_timeout" not in public
    assert public["read_header_timeout"] == "10s"
    assert public["read_idle_timeout"] == public["write_idle_timeout"] == "60s"


def test_what_an_edge_has_begun_it_may_end_and_only_its_file_says_what_is_in_force() -> None:
    made = document()
    assert made["apps"]["http"]["grace_period"] == "300s"
    assert made["admin"]["config"] == {"persist": False}
    # With a delay Caddy would be gone before it closes them in due form.
    assert not [p for p in proxies(servers(made)) if "stream_close_delay" in p]


def test_every_listener_of_callers_sends_them_away_while_it_drains() -> None:
    made = servers(document())
    for name in ("public", "redirect", "internal-3001", "metrics"):
        first = made[name]["routes"][0]
        (match,) = first["match"]
        assert match["file"] == {"root": "/run/caddy", "try_files": ["/draining"]}
        assert first["handle"][0]["response"]["set"]["Connection"] == ["close"]
        assert "terminal" not in first


def test_each_edge_of_a_network_is_asked_for_its_health_at_an_address_of_its_own() -> None:
    made = servers(json.loads(config().json("127.3.4.5")))
    assert made["health"]["listen"] == ["127.3.4.5:2020"]


def test_only_private_callers_choose_a_slot() -> None:
    (_, *slots, _, _, _) = servers(document())["public"]["routes"][2]["handle"][0]["routes"]
    matches = [match for slot in slots for match in slot["match"]]
    assert [m["header"] for m in matches] == [{"X-Manacore-Slot": [s]} for s in ("blue", "green")]
    for match in matches:
        ranges = [ipaddress.ip_network(r) for r in match["remote_ip"]["ranges"]]
        assert ranges and all(r.is_private for r in ranges)


def test_public_internal_and_metrics_routes_all_follow_the_pointer() -> None:
    made = servers(document())
    assert [dials(made[name])[-1] for name in ("public", "internal-3001", "metrics")] == [
        [POINTER]
    ] * 3
    assert dials(made["public"]["routes"])[:-1] == [["one-blue:3001"], ["one-green:3001"]]


def test_a_service_without_slots_is_dialled_as_it_is() -> None:
    plain = Upstream(container="grafana", port=3000)
    assert dials(servers(document(upstream=plain))["public"]) == [["grafana:3000"]]


def test_only_a_canary_is_taken_out_for_what_callers_break() -> None:
    *_, live = proxies(servers(document())["public"])
    assert "passive" not in live["health_checks"]
    for name in ("public", "internal-3001"):
        (canary,) = proxies(servers(document())[name]["named_routes"])
        assert [u["dial"] for u in canary["upstreams"]] == [
            "{http.regexp.canary-one.2}",
            POINTER,
        ]
        assert canary["health_checks"] == {"passive": {"fail_duration": "2s", "max_fails": 1}}


def test_slots_that_cannot_be_named_are_refused() -> None:
    with pytest.raises(ValueError, match="one-green:3001"):
        Slots(service="one", upstreams=[Upstream(container="one-green", port=3001)])


def test_a_www_name_that_is_a_service_of_its_own_is_not_redirected() -> None:
    named = [
        PublicRoute(host=host, www=True, upstream=UPSTREAM, health="/")
        for host in ("example.org", "www.example.org")
    ]
    made = EdgeConfig(
        public=named, internal=[], metrics=[], certificates=config().certificates
    ).json()
    routes = servers(json.loads(made))["public"]["routes"]
    hosts = [host for r in routes for m in r.get("match", []) for host in m.get("host", [])]
    assert hosts == ["example.org", "www.example.org", "www.www.example.org"]


@given(HOSTS)
def test_every_host_gets_exactly_one_route(hosts: list[str]) -> None:
    made = EdgeConfig(
        public=[PublicRoute(host=h, upstream=UPSTREAM, health="/") for h in hosts],
        internal=[],
        metrics=[],
        certificates=config().certificates,
    )
    (_, *routes) = servers(json.loads(made.json()))["public"]["routes"]
    assert [m["host"] for r in routes for m in r.get("match", [])] == [[h] for h in hosts]
    assert "match" not in routes[-1]
    assert routes[-1]["handle"][0]["status_code"] == 421
