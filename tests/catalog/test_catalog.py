"""The catalogue: the platform's facts, and every refusal with path and remedy."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from catalog import InvalidInputError, Kind, Network, load_catalog
from catalog.environment import is_secret
from catalog.problem import from_validation
from catalog.service import Service

ENTRY = """
one:
  kind: nestjs
  owner: team
  port: 4001
  route: {host: one, domain: apps}
"""


def problems(tmp_path: Path, text: str, file: str = "demo.yaml") -> list[str]:
    (tmp_path / file).write_text(text, encoding="utf-8")
    with pytest.raises(InvalidInputError) as refused:
        load_catalog(tmp_path)
    return [str(problem) for problem in refused.value.problems]


def test_the_catalogue_has_the_plans_39_services() -> None:
    catalog = load_catalog()
    assert len(catalog.counted) == 39
    kinds = [s.kind for s in catalog.counted]
    counts = {kind: kinds.count(kind) for kind in (Kind.NESTJS, Kind.SVELTEKIT, Kind.ASTRO)}
    assert counts == {Kind.NESTJS: 7, Kind.SVELTEKIT: 10, Kind.ASTRO: 8}
    assert len(catalog.slotted) == 33


def test_all_limits_together_fit_the_plans_total() -> None:
    assert sum(s.memory for s in load_catalog().counted) <= 12.5 * 1024


def test_backends_have_the_ports_of_the_platform() -> None:
    ports = {s.name: s.port for s in load_catalog().of_kind(Kind.NESTJS)}
    assert ports == {
        "mana-core-auth": 3001,
        "chat-backend": 3002,
        "maerchenzauber-backend": 3003,
        "nutriphi-backend": 3004,
        "wisekeep-backend": 3006,
        "quote-backend": 3007,
        "manadeck-backend": 3009,
    }


def test_only_services_with_data_join_the_data_network() -> None:
    for service in load_catalog():
        stateful = bool(service.database or service.redis)
        store = service.kind in (Kind.POSTGRES, Kind.REDIS, Kind.BACKUP)
        assert (Network.DATA in service.networks) == (stateful or store), service.name


def test_backends_with_a_database_migrate_it_and_nothing_else_does() -> None:
    for service in load_catalog():
        has_one = service.kind is Kind.NESTJS and service.database
        assert service.migrate == (("migrate",) if has_one else ()), service.name


def test_the_backups_secrets_are_no_concern_of_the_apps() -> None:
    private = load_catalog().private_secret_names
    assert private == {"BACKUP_S3_KEY_ID", "BACKUP_S3_SECRET", "BACKUP_PASSWORD"}
    assert private < set(load_catalog().secret_names), "a stack without them is refused"


def test_what_is_backed_up_as_a_folder_belongs_to_the_agents_user(tmp_path: Path) -> None:
    assert set(load_catalog().kept_volumes) == {"edge-data", "wisekeep"}
    volume = "{path: /data, backup: true, reason: nobody can make it again}"
    agent = "backup: {kind: backup, owner: team, image: agent, port: 9000}\n"
    owner = 'one: {kind: loki, owner: team, image: loki, user: "472:0", volumes: {kept: %s}}\n'
    found = problems(tmp_path, agent + owner % volume)
    assert any("volumes.kept: is 472:0's, which the backup agent may not read" in p for p in found)


def test_browser_callers_are_those_that_get_the_public_url() -> None:
    callers = {s.name for s in load_catalog().browser_callers("chat-backend")}
    assert callers == {"chat-web", "manacore-web"}


def test_the_start_order_puts_needed_services_first() -> None:
    order = [s.name for s in load_catalog().start_order()]
    for service in load_catalog():
        for needed in service.needs:
            assert order.index(needed) < order.index(service.name)


def test_every_credential_is_marked_secret() -> None:
    for service in load_catalog():
        for key, value in service.env.items():
            if key.endswith(("_PASSWORD", "_SECRET", "_PRIVATE_KEY")) or key == "DATABASE_URL":
                assert is_secret(value), f"{service.name}.{key}"


def test_an_unknown_key_is_refused_with_the_closest_known_one(tmp_path: Path) -> None:
    found = problems(tmp_path, ENTRY + "  helth: /x\n")
    assert found == ["catalog/services/demo.yaml: one.helth: unknown key (did you mean health?)"]


def test_all_problems_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("two: {kind: nestjs, owner: t, port: 0}\n")
    found = problems(tmp_path, "one: {kind: rails, owner: t}\n")
    assert len(found) >= 2
    assert any("demo.yaml: one.kind" in line for line in found)
    assert any("other.yaml: two.port" in line for line in found)


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        (
            "two: {kind: nestjs, owner: t, port: 4002, route: {host: one, domain: apps}}",
            "host name one of domain apps is taken twice",
        ),
        ("two: {kind: nestjs, owner: t, port: 4001}", "port 4001 is taken twice"),
        ("two: {kind: astro, owner: t, depends_on: [nobody]}", "unknown service nobody"),
        ("two: {kind: astro, owner: t, env: {A: {url: onne}}}", "unknown service onne"),
        ("two: {kind: astro, owner: t, env: {A: {url: two}}}", "has no listener inside"),
        ("two: {kind: astro, owner: t, env: {A: {public_url: self}}}", "no public host name"),
        ("two: {kind: astro, owner: t, env: {A: {database: url}}}", "does not have"),
        ("two: {kind: astro, owner: t, env: {A: {redis: url}}}", "asks for Redis"),
        ("two: {kind: astro, owner: t, depends_on: [two]}", "wait for each other: two -> two"),
        ("two: {kind: astro, owner: t, image: x}", "belongs in the release ledger"),
        ("two: {kind: redis, owner: t}", "names its own"),
        ("two: {kind: astro, owner: t, env: {A: {what: 1}}}", "a value is a string or a mapping"),
        ("two: 3", "is no mapping"),
    ],
)
def test_entries_that_do_not_fit_are_refused(tmp_path: Path, addition: str, expected: str) -> None:
    found = problems(tmp_path, f"{ENTRY}\n{addition}\n")
    assert any(expected in line for line in found), found
    assert all(line.startswith("catalog/services/demo.yaml") for line in found)
    assert all(line.endswith(")") for line in found), "each problem has its remedy"


_REDIS = """
redis: {kind: redis, owner: t, image: x}
one: {kind: astro, owner: t, redis: true, env: {REDIS_PASSWORD: {redis: password}}}
two: {kind: astro, owner: t, redis: true, env: {REDIS_PASSWORD: {redis: password}%s}}
"""


def test_two_services_that_name_no_user_of_redis_are_refused(tmp_path: Path) -> None:
    assert problems(tmp_path, _REDIS % "") == [
        "catalog/services/demo.yaml: one.env: logs in to Redis by a password alone, and so does two"
        " (add a variable with {redis: user})",
        "catalog/services/demo.yaml: two.env: logs in to Redis by a password alone, and so does one"
        " (add a variable with {redis: user})",
    ]


@pytest.mark.parametrize("named", ["REDIS_USER: {redis: user}", "REDIS_URL: {redis: url}"])
def test_a_service_that_names_its_user_of_redis_has_one(tmp_path: Path, named: str) -> None:
    (tmp_path / "demo.yaml").write_text(_REDIS % f", {named}", encoding="utf-8")
    users = load_catalog(tmp_path).redis_users
    assert {user: service.name for user, service in users.items()} == {None: "one", "two": "two"}


def test_a_service_may_not_have_the_name_of_a_user_that_redis_has(tmp_path: Path) -> None:
    entry = "admin: {kind: astro, owner: t, redis: true, env: {REDIS_URL: {redis: url}}}\n"
    found = problems(tmp_path, "redis: {kind: redis, owner: t, image: x}\n" + entry)
    assert [line for line in found if "admin.redis: admin is a user of Redis already" in line]


def test_two_owners_of_a_database_are_refused(tmp_path: Path) -> None:
    stores = "postgres: {kind: postgres, owner: t, image: x}\n"
    entries = "".join(
        f"{name}: {{kind: astro, owner: t, database: shared}}\n" for name in ("one", "two")
    )
    found = problems(tmp_path, stores + entries)
    assert len([line for line in found if "has two owners" in line]) == 2


def test_a_service_in_two_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(ENTRY)
    assert any("is also in a.yaml" in line for line in problems(tmp_path, ENTRY, "b.yaml"))


@pytest.mark.parametrize("text", ["a: [", "- a\n- b\n"])
def test_a_file_that_holds_no_services_is_refused(tmp_path: Path, text: str) -> None:
    assert len(problems(tmp_path, text)) == 1


@given(st.dictionaries(st.text(max_size=12), st.text(max_size=12), max_size=4))
def test_no_entry_however_wrong_gives_a_traceback(entry: dict[str, str]) -> None:
    try:
        Service.model_validate({**entry, "name": "x1x", "project": "p"})
    except ValidationError as error:
        assert all(p.remedy for p in from_validation(error, "f", Service.model_fields))
