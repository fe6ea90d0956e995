"""A stack's settings, and what is refused in them."""

from __future__ import annotations

import json
from typing import Any

import pulumi
import pytest

from catalog import InvalidInputError, load_catalog
from stacks.program import load
from stacks.settings import Role, load_settings, raw_config, unencrypted
from tests.support.platform import raw

SERVER = {"type": "ccx33", "roles": ["edge", "app", "data", "monitoring"], "volume": 40}


def refused(**changes: object) -> list[str]:
    with pytest.raises(InvalidInputError) as error:
        load("staging", raw("staging", **changes))
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_committed_configuration_is_valid_once_secrets_are_given(stack: str) -> None:
    assert load(stack, raw(stack)).settings.holder(Role.DATA) == "main"


def test_every_missing_secret_is_named_with_the_command_that_sets_it() -> None:
    found = refused(secrets={})
    assert len(found) == len(load_catalog().secret_names)
    assert all("pulumi config set --secret --path" in line for line in found)


def test_an_unknown_key_is_refused_with_the_closest_known_one() -> None:
    assert refused(sever={}) == ["Pulumi.staging.yaml: sever: unknown key (did you mean servers?)"]


@pytest.mark.parametrize(
    ("retired", "successor"),
    [("ccx32", "ccx33"), ("ccx22", "ccx23"), ("ccx42", "ccx43"), ("cx32", "cx33")],
)
def test_a_retired_server_type_is_refused_with_its_successor(retired: str, successor: str) -> None:
    (line,) = refused(servers={"main": {**SERVER, "type": retired}})
    assert f"server type {retired} is not offered any more: use {successor}" in line
    assert line.startswith("Pulumi.staging.yaml: servers.main.type")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"servers": {"main": {**SERVER, "type": "ccx34"}}}, "use one of: ccx13, ccx23, ccx33"),
        ({"servers": {"main": {**SERVER, "type": "zz"}}}, "use one of:"),
        ({"servers": {"main": {**SERVER, "roles": ["app"]}}}, "role data is on 0 servers"),
        ({"servers": {"main": {**SERVER, "volume": 0}}}, "give it a volume"),
        ({"servers": {"main": {**SERVER, "type": "cx23"}}}, "take a larger type"),
        (
            {"servers": {"main": {**SERVER, "roles": ["app", "data", "monitoring"]}}},
            "give it the role edge",
        ),
        ({"network": "10.0.0.0/99"}, "Pulumi.staging.yaml: network"),
        ({"domains": {}}, "unknown domain apps"),
        ({"domains": {"apps": {"name": "a.b", "zone": "c.d"}}}, "is not within the zone"),
        ({"domains": {"apps": {"name": "bad domain", "zone": "c.d"}}}, "is no domain name"),
        ({"variables": {}}, "variables.SUPABASE_URL: is missing"),
        ({"ssh": {"keys": {}}}, "Pulumi.staging.yaml: ssh.keys"),
    ],
)
def test_bad_settings_are_refused_with_path_and_remedy(
    changes: dict[str, Any], expected: str
) -> None:
    found = refused(**changes)
    assert any(expected in line for line in found), found


def test_backups_go_to_the_accounts_r2_and_stay_a_day_longer_than_the_lock() -> None:
    settings = load("staging", raw("staging")).settings
    account = settings.cloudflare.account
    bucket = f"https://{account}.r2.cloudflarestorage.com/manacore-backups-staging"
    assert settings.repository == f"s3:{bucket}"
    assert settings.keep_days == settings.cloudflare.backup_days + 1 == 8


def test_another_s3_server_takes_the_bucket_of_the_same_name() -> None:
    backup = {"endpoint": "http://198.51.100.7:7070", "keep_days": 90}
    settings = load("staging", raw("staging", backup=backup)).settings
    assert settings.repository == "s3:http://198.51.100.7:7070/manacore-backups-staging"
    assert settings.keep_days == 90


@pytest.mark.parametrize(
    ("backup", "expected"),
    [
        ({"keep_days": 7}, "take more than cloudflare.backup_days (7)"),
        ({"endpoint": "https://host/bucket"}, "Pulumi.staging.yaml: backup.endpoint"),
        ({"endpoint": "host:9000"}, "Pulumi.staging.yaml: backup.endpoint"),
        ({"run_at": "24:00"}, "Pulumi.staging.yaml: backup.run_at"),
        ({"verify_at": "Sunday 04:00"}, "Pulumi.staging.yaml: backup.verify_at"),
    ],
)
def test_a_backup_that_cannot_work_is_refused(backup: dict[str, Any], expected: str) -> None:
    found = refused(backup=backup)
    assert any(expected in line for line in found), found


def test_a_zone_without_an_id_is_refused() -> None:
    cloudflare: dict[str, object] = {"account": "0" * 32, "zones": {}, "backup_bucket": "backups"}
    assert any("zone manacore.ai has no id" in line for line in refused(cloudflare=cloudflare))


def test_apps_and_databases_on_different_servers_are_refused() -> None:
    servers = {
        "one": {"type": "ccx33", "roles": ["edge", "app", "monitoring"]},
        "two": {"type": "ccx33", "roles": ["data"], "volume": 10},
    }
    assert any("databases must be on it too" in line for line in refused(servers=servers))


def test_problems_of_settings_and_ledger_come_together(tmp_path: Any) -> None:
    (tmp_path / "catalog").symlink_to(load.__globals__["ROOT"] / "catalog")
    with pytest.raises(InvalidInputError) as error:
        load("staging", raw("staging", unknown=1), tmp_path)
    paths = {problem.path for problem in error.value.problems}
    assert paths == {"Pulumi.staging.yaml: unknown", "releases/staging.yaml"}


@pytest.mark.parametrize(
    ("tls", "public"),
    [
        ({}, True),
        ({"directory": "https://dv.acme-v02.api.pki.goog/directory"}, True),
        ({"directory": "https://acme-staging-v02.api.letsencrypt.org/directory"}, False),
        ({"directory": "https://ca.internal/directory", "root": "-----BEGIN"}, False),
        ({"issuer": "internal"}, False),
    ],
)
def test_only_certificates_that_everybody_trusts_are_verified(
    tls: dict[str, str], public: bool
) -> None:
    settings = load("staging", raw("staging", tls={"email": "ops@manacore.app", **tls})).settings
    assert settings.tls.public is public


def test_an_unknown_stack_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="use one of: staging, production"):
        load("develop", {})


def test_secrets_do_not_show_when_settings_are_printed() -> None:
    settings = load_settings(raw("staging"), "file", load_catalog())
    assert "made-up-secret" not in repr(settings)


def test_the_engines_configuration_is_read_with_objects_decoded() -> None:
    pulumi.runtime.set_all_config(
        {"manacore:network": "10.1.0.0/16", "manacore:ssh": json.dumps({"keys": {}}), "x:y": "z"}
    )
    assert raw_config() == {"network": "10.1.0.0/16", "ssh": {"keys": {}}}


def test_a_secret_in_plain_text_is_refused() -> None:
    config = {"manacore:secrets": json.dumps({"A": "b"})}
    pulumi.runtime.set_all_config(config)
    assert [p.path for p in unencrypted("file")] == ["file: secrets"]
    pulumi.runtime.set_all_config(config, ["manacore:secrets"])
    assert unencrypted("file") == []
