"""Each infrastructure image serves for real, hardened as the program runs it."""

from __future__ import annotations

import json
import re
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from components.data.redis import (
    ADMIN,
    BACKUP_USER,
    SET_USERS,
    START,
    configuration,
    users_of,
)
from localcloud.images.infrastructure import BACKUP, Infrastructure
from localcloud.images.postgres_release import NEXT_POSTGRES, POSTGRES, PostgresRelease
from tests.localcloud.images.support import Bench, Container, docker, eventually

pytestmark = pytest.mark.local
PASSWORD = "correct horse"
SOCKETS = "/var/run/postgresql:uid=999,gid=999,mode=0775"


def _postgres(
    bench: Bench, infrastructure: Infrastructure, folder: Path, release: PostgresRelease
) -> Container:
    password = folder / "password"
    password.write_text(PASSWORD)
    scripts = folder / "init"
    scripts.mkdir()
    (scripts / "10-extensions.sql").write_text("CREATE EXTENSION pgcrypto;")
    (scripts / "20-role.sh").write_text('psql -U "$POSTGRES_USER" -d postgres -c "CREATE ROLE r"')
    return bench.start(
        infrastructure.postgres(release),
        f"postgres-{release.major}",
        "postgres",
        "-c",
        "shared_preload_libraries=pg_stat_statements",
        environment={
            "POSTGRES_PASSWORD_FILE": "/secret/password",
            "POSTGRES_USER": "manacore",
            "POSTGRES_DB": "chat",
            "POSTGRES_INITDB_ARGS": "--data-checksums",
        },
        options=[
            "--user=999:999",
            f"--tmpfs={SOCKETS}",
            f"--volume={password}:/secret/password:ro",
            f"--volume={scripts}:/docker-entrypoint-initdb.d:ro",
            f"--volume={release.volume}",
        ],
    )


def _psql(postgres: Container, sql: str, password: str = PASSWORD) -> str:
    url = f"postgres://manacore@{postgres.name}/chat?password={password.replace(' ', '%20')}"
    return postgres.run("psql", "-At", url, "-c", sql, check=False).strip()


@pytest.mark.parametrize("release", [POSTGRES, pytest.param(NEXT_POSTGRES, marks=pytest.mark.full)])
def test_postgres_makes_the_cluster_its_environment_asks_for(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path, release: PostgresRelease
) -> None:
    postgres = _postgres(bench, infrastructure, tmp_path, release)
    eventually(lambda: "accepting" in postgres.run("pg_isready", "-h", postgres.name, check=False),
               "postgres accepts connections")  # fmt: skip
    assert _psql(postgres, "SELECT length(crypt('a', gen_salt('bf')))") == "60"
    assert _psql(postgres, "SHOW server_version") == release.version
    assert _psql(postgres, "SHOW data_checksums") == "on"
    assert _psql(postgres, "SELECT count(*) FROM pg_roles WHERE rolname = 'r'") == "1"
    assert _psql(postgres, "CREATE EXTENSION pg_stat_statements") == "CREATE EXTENSION"
    assert "password authentication failed" in _psql(postgres, "SELECT 1", password="wrong")

    _psql(postgres, "CREATE TABLE t AS SELECT generate_series(1, 100) AS n")
    postgres.run("sh", "-c", "pg_dump -U manacore -Fc chat > /tmp/dump && createdb -U manacore b")
    postgres.run("pg_restore", "-U", "manacore", "-d", "b", "/tmp/dump")
    counted = postgres.run("psql", "-At", "-U", "manacore", "-d", "b", "-c", "SELECT sum(n) FROM t")
    assert counted.strip() == "5050"

    docker("restart", postgres.name)
    eventually(lambda: _psql(postgres, "SELECT count(*) FROM t") == "100", "data after a restart")


def test_postgres_without_a_password_refuses_to_start(
    bench: Bench, infrastructure: Infrastructure
) -> None:
    options = ["--user=999:999", f"--tmpfs={SOCKETS}", "--volume=/var/lib/postgresql/data"]
    postgres = bench.start(infrastructure.postgres(), "no-password", options=options)
    eventually(lambda: postgres.state == "exited 1", "postgres gives up")
    assert "POSTGRES_PASSWORD_FILE is missing" in postgres.logs


def test_the_backup_agent_serves_and_has_the_programs_it_runs(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    folder = tmp_path / "settings"
    folder.mkdir()
    for name in ("password", "credentials", "passfile"):
        (folder / name).write_text("")
    told = {
        "repository": "s3:http://127.0.0.1:9/backups", "password_file": "/etc/backup/password",
        "credentials_file": "/etc/backup/credentials", "passfile": "/etc/backup/passfile",
        "host": "postgres", "port": 5432, "user": "backup-agent", "databases": ["chat"],
        "work": "/var/lib/backup",
    }  # fmt: skip
    (folder / "settings.json").write_text(json.dumps(told))
    backup = bench.start(
        infrastructure.recipes[BACKUP](),
        "backup",
        options=[
            f"--volume={folder}:/etc/backup:ro",
            "--tmpfs=/var/lib/backup:uid=1001,gid=1001,mode=0700",
        ],
    )
    eventually(lambda: backup.answers("http://127.0.0.1:9187/health"), "the agent serves")
    assert 'next_timestamp_seconds{verb="verify"}' in backup.get("http://127.0.0.1:9187/metrics")
    for program in (
        "pg_dump",
        "pg_dumpall",
        "pg_restore",
        "psql",
        "initdb",
        "pg_ctl",
        "restic",
        "redis-cli",
        "redis-server",
    ):
        option = "version" if program == "restic" else "--version"
        assert re.search(
            r"(PostgreSQL\) 16\.|restic 0\.1[7-9]\.|redis-cli 7\.|server v=7\.)",
            backup.run(program, option),
        )
    # Both of OpenSSH's programs by which a second copy is reached find their libraries.
    for program in ("ssh", "sftp"):
        said = backup.run("sh", "-c", f"{program} -o BatchMode=yes nobody@127.0.0.1 2>&1 || true")
        assert "Connection refused" in said
    told_why = backup.run("python3", "-m", "agent", "run", check=False)
    assert "the bucket cannot be reached" in json.loads(told_why)["error"]

    begun = time.monotonic()
    docker("stop", "--time", "60", backup.name)
    assert backup.state == "exited 0"
    assert time.monotonic() - begun < 30, "it ends by itself when it is asked to"


def test_redis_asks_for_its_password(bench: Bench, infrastructure: Infrastructure) -> None:
    options = ["--user=999:999", "--volume=/data"]
    redis = bench.start(infrastructure.redis(), "redis", "--requirepass", "secret", options=options)
    ask = ("redis-cli", "--no-auth-warning", "-a", "secret")
    eventually(lambda: "PONG" in redis.run(*ask, "ping", check=False), "redis answers")
    assert "NOAUTH" in redis.run("redis-cli", "get", "a")
    redis.run(*ask, "set", "a", "1")
    assert redis.run(*ask, "get", "a").strip() == "1"
    assert redis.run(*ask, "save").strip() == "OK"


def test_caddy_serves_and_keeps_what_it_was_given_by_reload(
    bench: Bench, infrastructure: Infrastructure
) -> None:
    options = ["--cap-add=NET_BIND_SERVICE", "--tmpfs=/data", "--tmpfs=/config"]
    caddy = bench.start(infrastructure.caddy(), "caddy", options=options)
    eventually(lambda: caddy.answers("http://127.0.0.1:80/"), "caddy serves")
    caddy.run("sh", "-c", "printf ':80\\nrespond changed\\n' > /tmp/c")
    caddy.run("caddy", "reload", "--config", "/tmp/c", "--adapter", "caddyfile")
    assert caddy.get("http://127.0.0.1:80/") == "changed"
    assert caddy.run("sh", "-c", "ls /config/caddy").strip() == "autosave.json"


def test_caddy_needs_the_capability_that_the_public_image_needs(
    bench: Bench, infrastructure: Infrastructure
) -> None:
    caddy = bench.start(infrastructure.caddy(), "caddy-without")
    eventually(lambda: caddy.state.startswith("exited"), "caddy cannot be executed")
    assert "operation not permitted" in caddy.logs


@pytest.mark.parametrize(
    ("reference", "url"),
    [
        ("docker.io/prom/prometheus:v3.5.0", "http://127.0.0.1:9090/-/ready"),
        ("docker.io/prom/alertmanager:v0.28.1", "http://127.0.0.1:9093/-/ready"),
        ("docker.io/prom/blackbox-exporter:v0.27.0", "http://127.0.0.1:9115/-/healthy"),
        ("docker.io/prom/node-exporter:v1.9.1", "http://127.0.0.1:9100/metrics"),
        ("docker.io/oliver006/redis_exporter:v1.74.0", "http://127.0.0.1:9121/health"),
    ],
)
def test_a_server_of_the_prometheus_family_gets_ready(
    bench: Bench, infrastructure: Infrastructure, reference: str, url: str
) -> None:
    name = reference.rpartition("/")[2].partition(":")[0].replace("_", "-")
    server = bench.start(infrastructure.recipes[reference](), f"{name}-ready")
    eventually(lambda: server.answers(url), f"{name} is ready")
    assert server.run("id", "-u").strip() == "65534"


def test_the_checkers_are_where_the_public_images_have_them(
    bench: Bench, infrastructure: Infrastructure
) -> None:
    prometheus = bench.start(
        infrastructure.recipes["docker.io/prom/prometheus:v3.5.0"](), "prometheus-tools"
    )
    checked = prometheus.run("/bin/promtool", "check", "config", "/etc/prometheus/prometheus.yml")
    assert "SUCCESS" in checked
    alertmanager = bench.start(
        infrastructure.recipes["docker.io/prom/alertmanager:v0.28.1"](), "alertmanager-tools"
    )
    path = "/etc/alertmanager/alertmanager.yml"
    assert "SUCCESS" in alertmanager.run("/bin/amtool", "check-config", path)


LOKI = """
auth_enabled: false
server: {http_listen_port: 3100}
common: {path_prefix: /loki}
schema_config:
  configs:
    - {from: 2024-01-01, store: tsdb, object_store: filesystem, schema: v13,
       index: {prefix: index_, period: 24h}}
limits_config: {retention_period: 168h}
"""


def _loki(bench: Bench, infrastructure: Infrastructure, name: str, file: Path) -> Container:
    file.parent.chmod(0o755)
    return bench.start(
        infrastructure.loki(),
        name,
        "-config.file=/etc/loki/config.yaml",
        options=[f"--volume={file}:/etc/loki/config.yaml:ro", "--volume=/loki"],
    )


def test_loki_finds_what_was_pushed(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    file = tmp_path / "loki.yaml"
    file.write_text(LOKI)
    loki = _loki(bench, infrastructure, "loki", file)
    eventually(lambda: loki.answers("http://127.0.0.1:3100/ready"), "loki is ready")
    line = json.dumps({"level": "error", "message": "[oops] it's broken"})
    push = {
        "streams": [
            {"stream": {"service": "chat", "host": "a"}, "values": [[str(time.time_ns()), line]]},
            {"stream": {"service": "quote"}, "values": [[str(time.time_ns()), "fine"]]},
        ]
    }
    loki.get(
        "http://127.0.0.1:3100/loki/api/v1/push",
        "--header=Content-Type: application/json",
        f"--post-data={json.dumps(push)}",
    )

    def found(query: str) -> list[str]:
        url = f"http://127.0.0.1:3100/loki/api/v1/query_range?query={quote(query)}"
        answer = json.loads(loki.get(url))
        assert answer["status"] == "success"
        return [value for one in answer["data"]["result"] for _, value in one["values"]]

    eventually(lambda: found('{service="chat"}') == [line], "the line that was pushed")
    assert found('{service=~"chat|quote"} |= "[oops]"') == [line]
    assert found('{service=~".+"} != "oops"') == ["fine"]
    assert found('{service="chat"} | json | level="error"') == [line]
    assert found('{service="chat"} | json | level="info"') == []
    labels = json.loads(loki.get("http://127.0.0.1:3100/loki/api/v1/labels"))
    assert labels["data"] == ["host", "service"]
    values = json.loads(loki.get("http://127.0.0.1:3100/loki/api/v1/label/service/values"))
    assert values["data"] == ["chat", "quote"]


def test_loki_refuses_a_configuration_that_loki_refuses(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    file = tmp_path / "loki.yaml"
    file.write_text(LOKI + "\nlimit_config: {}\n")
    loki = _loki(bench, infrastructure, "loki-wrong", file)
    eventually(lambda: loki.state == "exited 1", "loki gives up")
    assert "unknown fields limit_config" in loki.logs


def _grafana(bench: Bench, infrastructure: Infrastructure, name: str, root: Path) -> Container:
    root.chmod(0o755)
    return bench.start(
        infrastructure.grafana(), name, options=[f"--volume={root}:/etc/grafana/provisioning:ro"]
    )


def _provisioning(root: Path, source: str) -> Path:
    for folder in ("datasources", "dashboards", "boards"):
        (root / folder).mkdir(parents=True)
    (root / "datasources/all.yaml").write_text(
        "apiVersion: 1\ndatasources:\n"
        "  - {name: Prometheus, uid: prometheus, type: prometheus, url: 'http://prometheus:9090',"
        " isDefault: true}\n"
    )
    (root / "dashboards/all.yaml").write_text(
        "apiVersion: 1\nproviders:\n"
        "  - {name: all, type: file, options: {path: /etc/grafana/provisioning/boards}}\n"
    )
    panel = {
        "id": 1,
        "type": "timeseries",
        "title": "Up",
        "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8},
        "datasource": {"type": "prometheus", "uid": source},
        "targets": [{"refId": "A", "expr": "vector(41) + 1"}],
    }
    board = {"uid": "platform", "title": "Platform", "panels": [panel]}
    (root / "boards/platform.json").write_text(json.dumps(board))
    return root


def test_grafana_shows_what_is_provisioned_with_live_values(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    prometheus = bench.start(
        infrastructure.recipes["docker.io/prom/prometheus:v3.5.0"](), "prometheus"
    )
    eventually(lambda: prometheus.answers("http://127.0.0.1:9090/-/ready"), "prometheus is ready")
    root = _provisioning(tmp_path / "provisioning", "prometheus")
    grafana = _grafana(bench, infrastructure, "grafana", root)
    base = "http://127.0.0.1:3000"
    eventually(lambda: grafana.answers(f"{base}/api/health"), "grafana is healthy")
    assert json.loads(grafana.get(f"{base}/api/search"))[0]["uid"] == "platform"
    assert json.loads(grafana.get(f"{base}/api/datasources"))[0]["type"] == "prometheus"
    found = grafana.json(f"{base}/api/dashboards/uid/platform")
    assert "dashboard" in found
    proxied = grafana.json(
        f"{base}/api/datasources/proxy/uid/prometheus/api/v1/query?query=vector(7)"
    )
    assert proxied["status"] == "success"
    page = grafana.get(f"{base}/d/platform")
    assert ">42<" in page
    assert "stand-in, not Grafana" in page


def test_grafana_refuses_a_panel_without_its_data_source(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    root = _provisioning(tmp_path / "provisioning", "nowhere")
    grafana = _grafana(bench, infrastructure, "grafana-wrong", root)
    eventually(lambda: grafana.state == "exited 1", "grafana gives up")
    assert "panels[0].datasource: no data source nowhere" in grafana.logs


def test_users_are_given_to_a_redis_that_runs_and_are_there_after_a_restart(
    bench: Bench, infrastructure: Infrastructure, tmp_path: Path
) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()

    def written(backups: str, admins: str) -> str:
        users = users_of({ADMIN: admins, BACKUP_USER: backups})
        (secrets / "REDIS_PASSWORD").write_text(admins)
        (secrets / "redis.conf").write_text(configuration(users, 256))
        return users

    written("of-yesterday", "of-all")
    redis = bench.start(
        infrastructure.redis(),
        "redis-users",
        "sh",
        "-c",
        START,
        options=["--user=999:999", "--volume=/data", f"--volume={secrets}:/run/secrets:ro"],
    )
    ask = ("redis-cli", "--no-auth-warning", "--user", BACKUP_USER, "--pass")
    eventually(lambda: "PONG" in redis.run(*ask, "of-yesterday", "ping", check=False), "it answers")

    def given(users: str) -> int:
        text = SET_USERS.replace("exec -i redis ", f"exec -i {redis.name} ")
        done = subprocess.run(["sh", "-c", text], input=users, text=True, check=False)
        return done.returncode

    assert given(written("of-today", "of-all-today")) == 0
    assert "PONG" in redis.run(*ask, "of-today", "ping")
    assert "WRONGPASS" in redis.run(*ask, "of-yesterday", "ping", check=False)
    assert "NOPERM" in redis.run(*ask, "of-today", "get", "a", check=False)
    assert given(f"{BACKUP_USER} #no digest\n") != 0, "a refusal is no success"
    docker("restart", redis.name)
    eventually(lambda: "PONG" in redis.run(*ask, "of-today", "ping", check=False), "again")
    docker("stop", redis.name)
    assert redis.state == "exited 0", "it is who is told to end, and not a shell"
