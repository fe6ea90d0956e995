"""One app of each kind, with a real database and Redis, healthy only while these are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import pytest

from catalog import Catalog, load_catalog
from localcloud.images.apps import Apps
from localcloud.images.infrastructure import Infrastructure
from localcloud.images.service import AppService
from tests.localcloud.images.support import Bench, Container, docker, eventually

pytestmark = pytest.mark.local
VERSION = "main-4f1c2ab"
DATABASE = "postgres://postgres:secret@postgres/postgres"


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return load_catalog()


@pytest.fixture(scope="module")
def data(bench: Bench, infrastructure: Infrastructure) -> tuple[Container, Container]:
    """A database and a Redis that accept connections."""
    postgres = bench.start(
        infrastructure.postgres(),
        "postgres",
        environment={"POSTGRES_PASSWORD": "secret"},
        options=[
            "--user=999:999",
            "--tmpfs=/var/run/postgresql:uid=999,gid=999,mode=0775",
            "--volume=/var/lib/postgresql/data",
        ],
    )
    redis = bench.start(
        infrastructure.redis(), "redis", "--requirepass", "secret", options=["--user=999:999"]
    )
    eventually(
        lambda: "accepting" in postgres.run("pg_isready", "-h", "postgres", check=False),
        "postgres accepts connections",
    )
    return postgres, redis


def _start(
    bench: Bench,
    apps: Apps,
    service: AppService,
    *,
    version: str = VERSION,
    environment: Mapping[str, str] | None = None,
    options: tuple[str, ...] = (),
) -> tuple[Container, str]:
    values = dict.fromkeys(service.required, f"http://127.0.0.1:{service.port}")
    values |= {"SLOT": "blue", **(environment or {})}
    app = bench.start(
        apps.image(service, version),
        f"{service.name}{version.removeprefix(VERSION)}",
        environment=values,
        options=options,
    )
    return app, f"http://127.0.0.1:{service.port}"


def test_a_backend_is_healthy_only_while_its_database_and_redis_are(
    bench: Bench, apps: Apps, catalog: Catalog, data: tuple[Container, Container]
) -> None:
    postgres, redis = data
    service = AppService.of(catalog["mana-core-auth"])
    app, base = _start(
        bench, apps, service,
        environment={"DATABASE_URL": DATABASE, "REDIS_HOST": "redis", "REDIS_PORT": "6379",
                     "REDIS_PASSWORD": "secret", "CORS_ORIGINS": "https://app.example"},
    )  # fmt: skip
    health = base + service.health
    eventually(lambda: app.answers(health), "healthy")
    assert app.json(health)["checks"] == {"database": "ok", "redis": "ok"}
    app.get(f"{base}/api/items", '--post-data={"a": 1}')
    assert app.json(f"{base}/api/items") == {"count": 1, "last": {"a": 1}}
    assert app.json(f"{base}/version") == {
        "service": "mana-core-auth", "version": VERSION, "slot": "blue",
    }  # fmt: skip
    assert 'http_requests_total{method="POST",code="201"' in app.get(f"{base}/metrics")

    docker("stop", redis.name)
    eventually(lambda: not app.answers(health), "unhealthy without redis")
    docker("start", redis.name)
    eventually(lambda: app.answers(health), "healthy again with redis")
    # A database that answers but has lost its tables is no healthy database either.
    postgres.run("psql", "-U", "postgres", "-c", "DROP TABLE starts")
    eventually(lambda: not app.answers(health), "unhealthy without its table")
    docker("stop", postgres.name)
    eventually(lambda: not app.answers(health), "unhealthy without its database")
    docker("start", postgres.name)

    docker("stop", "--time", "20", app.name)
    assert app.state == "exited 0"
    entries = [json.loads(line) for line in app.logs.splitlines()]
    assert entries[-1]["message"] == "stopped"
    assert any(entry.get("request_id") for entry in entries)


def test_secrets_come_from_files_and_a_missing_variable_is_named(
    bench: Bench, apps: Apps, catalog: Catalog, tmp_path: Path
) -> None:
    service = AppService.of(catalog["chat-mobile"])
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "UPDATES_CHANNEL").write_text("from-a-file")
    secrets.chmod(0o755)
    image = apps.image(service, VERSION)
    app = bench.start(
        image, "missing", environment={"UPDATES_URL": "https://u.example"},
        options=[f"--volume={secrets}:/run/secrets:ro"],
    )  # fmt: skip
    eventually(lambda: app.state == "exited 1", "it refuses to start")
    assert "missing variables: RUNTIME_VERSION;" in app.logs


def test_a_web_app_takes_its_settings_when_it_starts_and_calls_its_backend(
    bench: Bench, apps: Apps, catalog: Catalog
) -> None:
    service = AppService.of(catalog["chat-web"])
    public = "https://api.example"
    app, base = _start(bench, apps, service, environment={"PUBLIC_BACKEND_URL_CLIENT": public})
    eventually(lambda: app.answers(base + service.health), "healthy")
    assert public in app.get(f"{base}/")
    ping = app.json(f"{base}/api/ping")
    assert json.loads(json.dumps(ping["PUBLIC_BACKEND_URL"]))["service"] == "chat-web"


def test_a_landing_page_is_served_on_port_80_without_a_capability(
    bench: Bench, apps: Apps, catalog: Catalog
) -> None:
    service = AppService.of(catalog["chat-landing"])
    app, base = _start(bench, apps, service)
    eventually(lambda: app.answers(f"{base}/"), "healthy")
    assert "Welcome to chat" in app.get(f"{base}/")
    assert app.run("id", "-u").strip() == "1001"


def test_a_mobile_app_serves_expos_updates_protocol(
    bench: Bench, apps: Apps, catalog: Catalog
) -> None:
    service = AppService.of(catalog["chat-mobile"])
    app, base = _start(
        bench, apps, service,
        environment={"UPDATES_URL": "http://127.0.0.1:3000", "UPDATES_CHANNEL": "staging",
                     "RUNTIME_VERSION": "1.0.0"},
    )  # fmt: skip
    eventually(lambda: app.answers(base + service.health), "healthy")
    phone = ("--header=expo-platform: ios", "--header=expo-protocol-version: 1",
             "--header=expo-runtime-version: 1.0.0")  # fmt: skip
    manifest = app.json(f"{base}/api/manifest", *phone, "--header=accept: application/expo+json")
    assert manifest["runtimeVersion"] == "1.0.0"
    launch = cast("dict[str, str]", manifest["launchAsset"])
    assert VERSION in app.get(launch["url"])
    multipart = app.get(f"{base}/api/manifest", *phone, "--header=accept: multipart/mixed")
    assert 'name="manifest"' in multipart
    known = f"--header=expo-current-update-id: {manifest['id']}"
    assert "noUpdateAvailable" in app.get(f"{base}/api/manifest", *phone, known)


def test_wisekeep_writes_into_its_folders(bench: Bench, apps: Apps, catalog: Catalog) -> None:
    service = AppService.of(catalog["wisekeep-backend"])
    folders = {"TEMP_AUDIO_DIR": "/tmp", "TRANSCRIPTS_DIR": "/data/t", "PLAYLISTS_DIR": "/data/p"}
    app, base = _start(
        bench, apps, service, environment=folders, options=("--tmpfs=/data:uid=1001",)
    )
    eventually(lambda: app.answers(base + service.health), "healthy")
    app.get(f"{base}/api/transcripts?name=talk", "--post-data=words")
    assert app.json(f"{base}/api/transcripts") == {"names": ["talk.txt"]}
    assert app.run("cat", "/data/t/talk.txt") == "words"
    echo = (
        "const s = new WebSocket('ws://127.0.0.1:3006/ws'); let n = 0;"
        "s.onmessage = (e) => { if (n++ === 0) s.send('ping'); else { console.log(e.data);"
        "s.close(); } }"
    )
    assert app.run("node", "-e", echo).strip() == "ping"


def test_a_version_with_a_fault_fails_as_its_tag_says(
    bench: Bench, apps: Apps, catalog: Catalog
) -> None:
    service = AppService.of(catalog["chat-web"])
    unhealthy, base = _start(bench, apps, service, version=f"{VERSION}-unhealthy")
    crash, _ = _start(bench, apps, service, version=f"{VERSION}-crash")
    eventually(lambda: unhealthy.answers(f"{base}/version"), "it serves")
    assert not unhealthy.answers(base + service.health)
    eventually(lambda: crash.state == "exited 1", "it exits")


def test_a_migration_uses_the_service_s_secrets_and_fails_as_a_whole(
    bench: Bench, apps: Apps, catalog: Catalog, data: tuple[Container, Container]
) -> None:
    postgres, _ = data
    service = AppService.of(catalog["chat-backend"])
    secret = {"DATABASE_URL": DATABASE}
    good, base = _start(bench, apps, service, environment=secret)
    bad, _ = _start(bench, apps, service, version=f"{VERSION}-migration", environment=secret)
    eventually(lambda: good.answers(base + service.health), "healthy")
    assert "migrated" in good.run("migrate")
    assert "migrated" in good.run("migrate"), "safe to repeat"
    assert "no_such_table" in bad.run("migrate", check=False)
    ask = ("psql", "-U", "postgres", "-h", "postgres", "-Atc", "SELECT version FROM migrations")
    assert postgres.run("env", "PGPASSWORD=secret", *ask).split() == [VERSION]
