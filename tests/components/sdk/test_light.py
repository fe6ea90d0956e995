"""The light classes are the vendors' own, as far as a program can tell."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import pulumi
import pytest
from pulumi import _types as pulumi_types  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import mocks

from components.sdk.light import Resource, camel, plugin_version
from tests.components.sdk.registrations import VENDORS, official, registered
from tests.support.mocks import recording

CLASSES = [
    (vendor, name)
    for vendor in VENDORS
    for name, kind in vars(import_module(f"components.sdk.{vendor}")).items()
    if isinstance(kind, type)
    and issubclass(kind, pulumi.Resource)
    and kind.__module__ != Resource.__module__
]

# What the stacks leave out: keys that are data but look like names, other spellings, deep nesting.
GIVEN: list[tuple[str, str, dict[str, Any]]] = [
    (
        "docker",
        "Container",
        {
            "image": "sha256:1",
            "sysctls": {"net.ipv4.ip_unprivileged_port_start": "0", "log_opts": "data"},
            "tmpfs": {"/tmp/with_line": "size=1m"},
            "networks_advanced": [{"name": "n", "aliases": None, "ipv4_address": "10.0.0.2"}],
            "memory_swap": None,
            "must_run": False,
        },
    ),
    ("docker", "RemoteImage", {"name": "i", "triggers": {"a_b": "1"}, "keep_locally": True}),
    ("docker", "Network", {"name": "n", "options": {"a_b": "1"}, "ipam_configs": []}),
    (
        "docker",
        "Provider",
        {
            "host": "ssh://a",
            "disable_docker_daemon_check": True,
            "ssh_opts": ["-o", "A=b"],
            "registry_auth": [{"address": "ghcr.io", "username": "u", "password": "p"}],
        },
    ),
    (
        "hcloud",
        "Server",
        {
            "server_type": "cx22",
            "labels": {"managed_by": "us"},
            "public_nets": [{"ipv4_enabled": True, "ipv4": 1, "ipv6_enabled": False}],
        },
    ),
    ("hcloud", "Firewall", {"rules": [{"direction": "in", "protocol": "tcp", "source_ips": []}]}),
    ("hcloud", "Provider", {"token": "t", "poll_interval": "1s"}),
    ("github", "ActionsSecret", {"repository": "r", "secret_name": "S", "value": "v"}),
    ("github", "Provider", {"owner": "o"}),
    ("random", "RandomPassword", {"length": 8, "keepers": {"a_b": "1"}}),
    ("command", "Command", {"create": "true", "environment": {"A_B": "1"}, "triggers": ["t"]}),
    (
        "cloudflare",
        "DnsRecord",
        {
            "zone_id": "z",
            "name": "example.com",
            "type": "CAA",
            "ttl": 300,
            "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org", "key_tag": 1},
            "settings": {"ipv4_only": True, "flatten_cname": False},
        },
    ),
    (
        "cloudflare",
        "Ruleset",
        {
            "zone_id": "z",
            "name": "cache",
            "kind": "zone",
            "phase": "http_request_cache_settings",
            "rules": [
                {
                    "expression": "true",
                    "action": "set_cache_settings",
                    "action_parameters": {"edge_ttl": {"mode": "override_origin", "default": 1}},
                }
            ],
        },
    ),
    ("cloudflare", "Provider", {"api_token": "secret", "base_url": "http://127.0.0.1:1/v4"}),
]


def light(vendor: str, name: str) -> Any:
    """Our class."""
    return getattr(import_module(f"components.sdk.{vendor}"), name)


def real(vendor: str, name: str) -> Any:
    """Theirs."""
    return getattr(official(vendor), name)


def arguments_of(vendor: str, name: str) -> list[Any]:
    """The types of a class's inputs: its own, and those that are nested in it."""
    package = f"pulumi_{vendor}"
    module = real(vendor, name).__module__
    own = vars(import_module(module))[f"{name}Args"]
    try:
        nested = vars(import_module(f"{package}._inputs"))
    except ModuleNotFoundError:
        nested = dict[str, Any]()
    return [own, *(v for k, v in nested.items() if k.startswith(name) and k.endswith("Args"))]


@pytest.mark.parametrize(("vendor", "name", "inputs"), GIVEN)
@pytest.mark.parametrize("environment", [{}, {"GITHUB_TOKEN": "t", "GITHUB_BASE_URL": "http://a/"}])
def test_both_classes_send_the_same_registration(
    vendor: str,
    name: str,
    inputs: dict[str, Any],
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("GITHUB_TOKEN", "GITHUB_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in environment.items():
        monkeypatch.setenv(variable, value)
    ours, theirs = (
        registered(
            lambda kind=kind: kind("res", opts=pulumi.ResourceOptions(protect=True), **inputs)
        )
        for kind in (light(vendor, name), real(vendor, name))
    )
    assert len(ours) == 1
    assert ours == theirs
    assert ours[0]["version"] == plugin_version(vendor)


@pytest.mark.parametrize(("vendor", "name"), CLASSES)
def test_names_are_spelt_as_the_vendors_types_spell_them(vendor: str, name: str) -> None:
    for arguments in arguments_of(vendor, name):
        names: dict[str, str] = pulumi_types.input_type_py_to_pulumi_names(arguments)
        for python_name, pulumi_name in names.items():
            assert camel(python_name) == pulumi_name


@pytest.mark.parametrize(("vendor", "name"), CLASSES)
def test_mappings_of_data_are_those_of_the_vendors_types(vendor: str, name: str) -> None:
    types: dict[str, Any] = pulumi_types.input_type_types(arguments_of(vendor, name)[0])
    data = {
        key
        for key, of in types.items()
        if typing.get_origin(pulumi_types.unwrap_type(of)) in (dict, Mapping)
    }
    # Of a zone's setting the type says nothing: what it is depends on the setting.
    untyped = {"value"} if name == "ZoneSetting" else set[str]()
    assert {camel(key) for key in light(vendor, name).maps} == data | untyped


@pytest.mark.parametrize(("vendor", "name"), CLASSES)
def test_what_a_class_names_is_there(vendor: str, name: str) -> None:
    kind = light(vendor, name)
    theirs = real(vendor, name)
    known = {key for key in dir(theirs) if isinstance(getattr(theirs, key), property)}
    assert {*kind.outputs} <= known
    if name != "Provider":
        assert {*kind.secret} <= known


def test_outputs_can_be_read_by_their_python_names() -> None:
    def image_id(_: mocks.MockResourceArgs) -> dict[str, Any]:
        return {"imageId": "sha256:1"}

    image = light("docker", "RemoteImage")
    with recording({"docker:index/remoteImage:RemoteImage": image_id}) as (_, run):
        assert run(lambda: image("image", name="a").image_id) == "sha256:1"


def test_inputs_can_be_read_by_their_python_names() -> None:
    image = light("docker", "RemoteImage")
    with recording() as (_, run):
        assert run(lambda: image("image", name="a", keep_locally=True).keep_locally) is True


def test_what_was_never_registered_cannot_be_read() -> None:
    image = light("docker", "RemoteImage")
    with recording() as (_, run), pytest.raises(AttributeError, match="no property repo_digest"):
        run(lambda: image("image", name="a").repo_digest)


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="'pulumi_balloon'"):
        plugin_version("balloon")
