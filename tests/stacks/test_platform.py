"""Promises that hold for everything a stack registers."""

from __future__ import annotations

import json
import re
import ssl
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography import x509

from catalog import load_catalog
from components.data.redis import password_digest
from tests.support.mocks import Recorded, Recorder
from tests.support.platform import SECRET, edge_configs, files, planned

CONTAINER = "docker:index/container:Container"
PHASE_2 = {
    "main": {"type": "ccx43", "roles": ["edge", "app", "data"], "volume": 160},
    "monitoring": {"type": "cx33", "roles": ["edge", "monitoring"]},
}


@pytest.fixture(scope="module", params=["staging", "production", "production-phase-2"])
def plan(request: pytest.FixtureRequest) -> tuple[Recorder, dict[str, Any]]:
    stack = str(request.param).removesuffix("-phase-2")
    changes: dict[str, object] = {} if stack == request.param else {"servers": PHASE_2}
    return planned(stack, **changes)


Plan = tuple[Recorder, dict[str, Any]]


def edge(recorder: Recorder, name: str = "main-edge") -> str:
    """The name of the container of an edge: the one on `main`, or another by its logical name."""
    names = {c.name: c.inputs["name"] for c in recorder.of(CONTAINER)}
    server = name.partition("-")[0]
    found = [n for n in names if re.fullmatch(rf"{server}-edge-[0-9a-f]{{8}}", n)]
    return str(names[found[0]]) if found else ""


def environment(container: Recorded) -> dict[str, str]:
    return dict(line.split("=", 1) for line in container.inputs.get("envs", []))


def edge_config(recorder: Recorder, server: str = "main") -> dict[str, Any]:
    return json.loads(edge_configs(recorder)[server])


def test_logical_names_are_unique_within_their_type(plan: Plan) -> None:
    names = [(r.token, r.name) for r in plan[0].resources]
    assert len(names) == len(set(names))


def test_all_39_services_are_in_the_outputs_with_a_container_that_exists(plan: Plan) -> None:
    recorder, outputs = plan
    made = {c.inputs["name"] for c in recorder.of(CONTAINER)}
    assert len(outputs["services"]) == 39
    assert {s["container"] for s in outputs["services"]} <= made


def test_only_the_edge_publishes_ports(plan: Plan) -> None:
    publishing = {c.inputs["name"] for c in plan[0].of(CONTAINER) if c.inputs.get("ports")}
    assert publishing == {"edge-holder"}


def test_every_public_host_has_a_record_a_route_and_a_probe(plan: Plan) -> None:
    recorder, outputs = plan
    records = {
        r.inputs["name"]
        for r in recorder.of("cloudflare:index/dnsRecord:DnsRecord")
        if r.inputs["type"] == "A"
    }
    routed = {
        host
        for config in edge_configs(recorder).values()
        for route in json.loads(config)["apps"]["http"]["servers"]["public"]["routes"]
        for match in route.get("match", [])
        for host in match.get("host", [])
    }
    hosts = {url.removeprefix("https://") for url in outputs["urls"].values()}
    assert len(hosts) == len(load_catalog().routed)
    assert records == routed
    assert hosts <= records
    # What is more are the redirects to a zone's own name.
    assert all(more.removeprefix("www.") in hosts for more in records - hosts)
    scrape = json.loads(files(recorder, "prometheus-config")["prometheus.yml"])
    public = next(j for j in scrape["scrape_configs"] if j["job_name"] == "public")
    probed: set[str | None] = {
        urlsplit(str(target)).hostname for target in public["static_configs"][0]["targets"]
    }
    assert hosts == probed


def test_no_secret_is_in_a_plain_input(plan: Plan) -> None:
    for resource in plan[0].resources:
        secret = ("github:index/actionsEnvironmentSecret", "random:", "command:")
        if resource.token.startswith(secret):
            continue
        text = json.dumps(resource.inputs, default=str)
        assert SECRET not in text, resource.name
        assert "password-secrets" not in text, resource.name


def test_no_output_holds_a_secret(plan: Plan) -> None:
    text = json.dumps(plan[1], default=str)
    assert SECRET not in text
    assert "password-secrets" not in text


def test_the_break_glass_file_has_every_container_and_no_secret(plan: Plan) -> None:
    recorder, _ = plan
    text = files(recorder, "main-break-glass-compose")["compose.yaml"]
    services = json.loads(text)["services"]
    written = {s["container_name"] for s in services.values()}
    made = {c.inputs["name"] for c in recorder.of(CONTAINER) if "monitoring" not in c.name}
    assert written <= {c.inputs["name"] for c in recorder.of(CONTAINER)}
    assert {edge(recorder), "edge-holder", "postgres", "chat-backend-blue"} <= written & made
    assert services[edge(recorder)]["network_mode"] == "container:edge-holder"
    assert list(services[edge(recorder)]["depends_on"]) == ["edge-holder"]
    assert not {"networks", "hostname"} & set(services[edge(recorder)])
    assert services["edge-holder"]["networks"]["backend"] == {"aliases": ["edge"]}
    assert services["edge-holder"]["sysctls"] == {"net.ipv4.tcp_migrate_req": "1"}
    assert SECRET not in text
    assert "password-secrets" not in text


def test_every_container_is_hardened(plan: Plan) -> None:
    for container in plan[0].of(CONTAINER):
        inputs, name = container.inputs, container.inputs["name"]
        assert inputs["readOnly"] is True, name
        assert inputs["capabilities"]["drops"] == ["ALL"], name
        expected = ["CAP_NET_BIND_SERVICE"] if name == edge(plan[0], container.name) else []
        assert inputs["capabilities"]["adds"] == expected, name
        assert inputs["securityOpts"] == ["no-new-privileges:true"], name
        assert inputs["memory"] == inputs["memorySwap"], name
        assert not inputs["user"].startswith("0:"), name
        assert inputs["healthcheck"]["tests"], name
        assert inputs["wait"] is True, name
        assert inputs["restart"] == "unless-stopped", name
        assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}, name


def test_services_call_each_other_through_the_edge(plan: Plan) -> None:
    web = plan[0].one(CONTAINER, "chat-web-blue")
    assert environment(web)["PUBLIC_BACKEND_URL"] == "http://edge:3002"
    internal = edge_config(plan[0])["apps"]["http"]["servers"]["internal-3002"]
    assert internal["listen"] == [":3002"]
    live = internal["routes"][-1]["handle"][0]["routes"][-1]["handle"][0]
    pointer = "{file./etc/edge-slots/live/chat-backend}"
    assert [upstream["dial"] for upstream in live["upstreams"]] == [pointer]


def test_cors_lists_are_the_public_origins_of_the_callers(plan: Plan) -> None:
    recorder, outputs = plan
    backend = recorder.one(CONTAINER, "chat-backend-blue")
    origins = environment(backend)["CORS_ORIGINS"].split(",")
    assert set(origins) == {outputs["urls"]["chat-web"], outputs["urls"]["manacore-web"]}


def test_the_data_network_has_no_way_out(plan: Plan) -> None:
    networks = plan[0].of("docker:index/network:Network")
    internal = {n.inputs["name"] for n in networks if n.inputs["internal"]}
    assert internal == {"data"}


def test_a_secret_reaches_a_service_as_a_file_only(plan: Plan) -> None:
    backend = plan[0].one(CONTAINER, "mana-core-auth-blue")
    assert "DATABASE_URL" not in environment(backend)
    targets = {m["target"]: m["source"] for m in backend.inputs["mounts"]}
    assert targets["/run/secrets"] == "/srv/manacore/secrets/mana-core-auth-blue"


def test_every_client_of_a_database_verifies_its_server(plan: Plan) -> None:
    recorder, _ = plan
    clients = [s for s in load_catalog().slotted if "DATABASE_URL" in s.env]
    assert len(clients) == 6
    for service in clients:
        told = files(recorder, f"{service.name}-blue-secrets")
        url = urlsplit(told["DATABASE_URL"])
        assert (url.hostname, url.query) == ("postgres", "sslmode=verify-full"), service.name
        assert told["NODE_EXTRA_CA_CERTS"] == told["PGSSLROOTCERT"]
        folder, _, file = told["PGSSLROOTCERT"].rpartition("/")
        mounts = recorder.one(CONTAINER, f"{service.name}-blue").inputs["mounts"]
        mounted = {m["target"]: m["source"] for m in mounts}
        assert mounted[folder] == f"/srv/manacore/secrets/{service.name}-blue"
        # The images' entry point makes no variable of a name with other than letters and digits.
        assert re.search(r"[^A-Za-z0-9_]", file)
        trusted = ssl.create_default_context(cadata=told[file])
        assert trusted.cert_store_stats()["x509_ca"] == 1


def test_the_databases_server_has_a_certificate_of_the_authority_that_all_are_told(
    plan: Plan,
) -> None:
    recorder, _ = plan
    serving = x509.load_pem_x509_certificate(
        files(recorder, "postgres-secrets")["server.crt"].encode()
    )
    told = {
        text
        for resource in recorder.of("manacore:docker:Files")
        for name, text in files(recorder, resource.name).items()
        if name == "postgres-authority.crt"
    }
    assert len(told) == 1
    serving.verify_directly_issued_by(x509.load_pem_x509_certificate(told.pop().encode()))


def test_private_keys_are_files_of_the_server_and_of_the_service_that_signs(plan: Plan) -> None:
    recorder, _ = plan
    holders = {
        (resource.name, name)
        for resource in recorder.of("manacore:docker:Files")
        for name, text in files(recorder, resource.name).items()
        if "PRIVATE KEY" in text
    }
    slots = {(f"mana-core-auth-{slot}-secrets", "JWT_PRIVATE_KEY") for slot in ("blue", "green")}
    assert {("postgres-secrets", "server.key")} <= holders
    assert holders <= slots | {("postgres-secrets", "server.key")}


def test_each_service_with_redis_is_a_user_of_its_own(plan: Plan) -> None:
    recorder, _ = plan
    auth = files(recorder, "mana-core-auth-blue-secrets")["REDIS_PASSWORD"]
    url = urlsplit(files(recorder, "uload-web-blue-secrets")["REDIS_URL"])
    assert (url.username, url.hostname, url.port) == ("uload-web", "redis", 6379)
    told = files(recorder, "redis-secrets")
    lines = [line.split() for line in told["redis.conf"].splitlines() if line.startswith("user ")]
    users = {name: digest for _, name, *_, digest in lines}
    assert users["default"] == password_digest(auth)
    assert users["uload-web"] == password_digest(str(url.password))
    assert users["admin"] == password_digest(told["REDIS_PASSWORD"])
    assert users["backup-agent"] == password_digest(files(recorder, "backup-secrets")["redis"])
    assert len(set(users.values())) == len(users) == 4


def test_the_network_may_do_without_tls_by_configuration_alone() -> None:
    for changes, kind in ({}, "hostssl"), ({"database_tls": "offered"}, "host"):
        recorder, _ = planned("staging", **changes)
        lines = files(recorder, "postgres-config")["pg_hba.conf"].splitlines()
        assert f"{kind} all all all scram-sha-256" in lines


def test_the_apps_workflows_get_no_credential_of_the_backups(plan: Plan) -> None:
    token = "github:index/actionsEnvironmentSecret:ActionsEnvironmentSecret"
    names = [secret.inputs["secretName"] for secret in plan[0].of(token)]
    assert any(name.endswith("STRIPE_SECRET_KEY") for name in names)
    assert not any("BACKUP" in name for name in names)


def test_every_database_of_the_catalogue_is_backed_up(plan: Plan) -> None:
    settings = json.loads(files(plan[0], "backup-config")["settings.json"])
    assert settings["databases"] == sorted(load_catalog().databases)


def test_what_nobody_can_make_again_is_backed_up_and_mounted_for_reading_only(plan: Plan) -> None:
    settings = json.loads(files(plan[0], "backup-config")["settings.json"])
    assert set(settings["folders"]) == set(load_catalog().kept_volumes) == {"edge-data", "wisekeep"}
    mounts = plan[0].one(CONTAINER, "backup-agent").inputs["mounts"]
    mounted = {mount["target"]: mount for mount in mounts}
    for name, target in settings["folders"].items():
        assert mounted[target]["source"].endswith(f"/{name}")
        assert mounted[target]["readOnly"]


def test_prometheus_asks_the_backup_itself_or_by_the_edge_of_its_server() -> None:
    def asked(**changes: object) -> tuple[tuple[str, str], bool]:
        recorder, _ = planned("production", **changes)
        jobs = json.loads(files(recorder, "prometheus-config")["prometheus.yml"])["scrape_configs"]
        (job,) = [job for job in jobs if job["job_name"] == "backup"]
        (address,) = job["static_configs"][0]["targets"]
        routed = "/metrics/backup" in edge_configs(recorder)["main"]
        return (address, job["metrics_path"]), routed

    assert asked() == (("backup:9187", "/metrics"), False)
    assert asked(servers=PHASE_2) == (("10.1.0.10:9180", "/metrics/backup"), True)


def test_in_phase_2_prometheus_scrapes_the_apps_over_the_private_network() -> None:
    recorder, outputs = planned("production", servers=PHASE_2)
    assert outputs["servers"]["monitoring"]["private_ip"] == "10.1.0.11"
    edge = next(
        c
        for c in recorder.of(CONTAINER)
        if c.inputs["name"] == "edge-holder" and c.name.startswith("main-")
    )
    private = [p for p in edge.inputs["ports"] if p["internal"] == 9180]
    assert [p["ip"] for p in private] == ["10.1.0.10"]


def test_the_outputs_name_the_edge_and_the_holder_of_each_server() -> None:
    recorder, outputs = planned("production", servers=PHASE_2)
    edges = [s for s in outputs["support"] if s["kind"] in ("edge", "holder")]
    assert [(s["name"], s["server"]) for s in edges] == [
        ("edge", "main"),
        ("edge", "monitoring"),
        ("edge-holder", "main"),
        ("edge-holder", "monitoring"),
    ]
    running = {c.inputs["name"] for c in recorder.of(CONTAINER)}
    assert {s["container"] for s in edges} <= running
    assert len({s["container"] for s in edges if s["kind"] == "edge"}) == 2


def test_production_is_protected_and_staging_is_not() -> None:
    for stack, protected in (("staging", False), ("production", True)):
        recorder, _ = planned(stack)
        server = recorder.one("hcloud:index/server:Server")
        assert server.inputs["deleteProtection"] is protected
        assert server.inputs["rebuildProtection"] is protected
        assert recorder.one("hcloud:index/volume:Volume").inputs["deleteProtection"] is protected


def test_protection_can_be_lifted_and_given_by_configuration() -> None:
    for stack, protected in (("staging", True), ("production", False)):
        recorder, _ = planned(stack, protect=protected)
        assert recorder.one("hcloud:index/server:Server").inputs["deleteProtection"] is protected
