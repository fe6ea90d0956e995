"""The light classes register exactly what the official SDK registers."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import pulumi
import pytest
from google.protobuf.json_format import MessageToDict
from pulumi import _types as pulumi_types  # pyright: ignore[reportPrivateUsage]
from pulumi.runtime import mocks

from components.cloudflare import sdk
from tests.support.mocks import recording

with warnings.catch_warnings():
    # The official package warns of each deprecated class of its own while it is imported.
    warnings.simplefilter("ignore", DeprecationWarning)
    import pulumi_cloudflare as official
    import pulumi_cloudflare._inputs as official_inputs

Requests = list[dict[str, Any]]
LIGHT: Any = sdk  # the type checker sees the official classes behind the module

RESOURCES: Mapping[str, dict[str, Any]] = {
    "DnsRecord": {
        "zone_id": "z",
        "name": "example.com",
        "type": "CAA",
        "ttl": 300,
        "comment": "a comment",
        "data": {"flags": 0, "tag": "issue", "value": "letsencrypt.org", "key_tag": 1},
        "settings": {"ipv4_only": True, "flatten_cname": False},
        "include_shadow_metadata": False,
    },
    "ZoneSetting": {
        "zone_id": "z",
        "setting_id": "security_header",
        "value": {"strict_transport_security": {"enabled": True, "max_age": 1}},
    },
    "ZoneDnssec": {"zone_id": "z", "status": "active", "dnssec_use_nsec3": False},
    "Ruleset": {
        "zone_id": "z",
        "name": "cache",
        "kind": "zone",
        "phase": "http_request_cache_settings",
        "rules": [
            {
                "ref": "assets",
                "expression": "true",
                "action": "set_cache_settings",
                "action_parameters": {
                    "cache": True,
                    "edge_ttl": {"mode": "override_origin", "default": 7200},
                    "browser_ttl": {"mode": "respect_origin"},
                },
                "enabled": True,
            }
        ],
    },
    "R2Bucket": {"account_id": "a", "name": "backups", "location": "weur"},
    "R2BucketLifecycle": {
        "account_id": "a",
        "bucket_name": "backups",
        "rules": [
            {
                "id": "abort",
                "enabled": True,
                "conditions": {"prefix": ""},
                "abort_multipart_uploads_transition": {"condition": {"type": "Age", "max_age": 60}},
            }
        ],
    },
    "R2BucketLock": {
        "account_id": "a",
        "bucket_name": "backups",
        "rules": [
            {
                "id": "lock",
                "enabled": True,
                "prefix": "",
                "condition": {"type": "Age", "max_age_seconds": 60},
            }
        ],
    },
    "Provider": {"api_token": "secret", "base_url": "http://127.0.0.1:1/client/v4"},
}
# Where the program's line stands and when it ran are not what is registered.
IGNORED = ("sourcePosition", "stackTrace", "requestId")


def registered(monkeypatch: pytest.MonkeyPatch, program: Callable[[], Any]) -> Requests:
    """The registrations of `program` as they go to the engine."""
    requests: Requests = []
    monitor: Any = mocks.MockMonitor
    original = monitor.RegisterResource

    def keep(self: Any, request: Any) -> Any:
        fields = MessageToDict(request)
        requests.append({k: v for k, v in fields.items() if k not in IGNORED})
        return original(self, request)

    with monkeypatch.context() as patch, recording() as (_, run):
        patch.setattr(monitor, "RegisterResource", keep)
        run(program)
    return [request for request in requests if request["type"] != "pulumi:pulumi:Stack"]


@pytest.mark.parametrize("name", RESOURCES)
def test_both_classes_send_the_same_registration(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def program(module: Any) -> Callable[[], None]:
        return lambda: getattr(module, name)(
            "res", opts=pulumi.ResourceOptions(protect=True), **RESOURCES[name]
        )

    ours = registered(monkeypatch, program(sdk))
    theirs = registered(monkeypatch, program(official))
    assert len(ours) == 1
    assert ours == theirs
    assert ours[0]["version"]


def _properties(kind: type) -> set[str]:
    return {name for name, value in vars(kind).items() if isinstance(value, property)}


@pytest.mark.parametrize("name", RESOURCES)
def test_inputs_are_those_of_the_official_class(name: str) -> None:
    light = getattr(sdk, name)
    args = getattr(official, f"{name}Args" if name != "Provider" else "ProviderArgs")
    assert {*light.required, *light.optional} == _properties(args)


@pytest.mark.parametrize("name", [n for n in RESOURCES if n != "Provider"])
def test_every_official_output_can_be_read_from_the_light_class(name: str) -> None:
    light, real = getattr(sdk, name), getattr(official, name)
    assert {*light.required, *light.optional, *light.outputs} == _properties(real)


@pytest.mark.parametrize(
    "root",
    [
        "DnsRecordData",
        "DnsRecordSettings",
        "RulesetRule",
        "R2BucketLifecycleRule",
        "R2BucketLockRule",
    ],
)
def test_nested_names_translate_as_in_the_official_types(root: str) -> None:
    nested = [n for n in vars(official_inputs) if n.startswith(root) and n.endswith("Args")]
    assert nested
    for name in nested:
        args = getattr(official_inputs, name)
        names: dict[str, str] = pulumi_types.input_type_py_to_pulumi_names(args)
        for python_name, pulumi_name in names.items():
            assert sdk.camel(python_name) == pulumi_name
            assert sdk.snake(pulumi_name) == python_name


def test_a_misspelt_property_is_refused() -> None:
    with recording() as (_, run), pytest.raises(TypeError, match="has no property zone"):
        run(lambda: LIGHT.ZoneDnssec("dnssec", zone="z"))


def test_a_missing_property_is_named() -> None:
    with recording() as (_, run), pytest.raises(TypeError, match="'zone_id'"):
        run(lambda: LIGHT.ZoneDnssec("dnssec"))


def test_outputs_can_be_read_by_their_python_names() -> None:
    def key_tag(_: mocks.MockResourceArgs) -> dict[str, Any]:
        return {"keyTag": 42}

    with recording({"cloudflare:index/zoneDnssec:ZoneDnssec": key_tag}) as (_, run):
        assert run(lambda: LIGHT.ZoneDnssec("dnssec", zone_id="z").key_tag) == 42


def test_the_api_token_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    (request,) = registered(monkeypatch, lambda: sdk.Provider("cloudflare", api_token="t"))
    assert request["additionalSecretOutputs"] == ["apiKey", "apiToken", "apiUserServiceKey"]
    assert request["object"]["apiToken"]["value"] == "t"


def test_the_official_sdk_is_not_imported_at_run_time() -> None:
    code = "import sys, components.cloudflare.sdk; print('pulumi_cloudflare' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
