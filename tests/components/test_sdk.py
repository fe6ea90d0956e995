"""The SDKs are imported in parts, and are the same as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import import_module
from types import ModuleType

import pytest

from components.sdk import import_in_parts

USED = {
    "pulumi_docker": ["Container", "ContainerMountArgs", "Network", "Provider", "RemoteImage"],
    "pulumi_github": ["ActionsSecret", "RepositoryRuleset", "RepositoryRulesetRulesArgs"],
    "pulumi_hcloud": ["Server", "ServerPublicNetArgs", "SshKey", "Rdns"],
}


def python(source: str) -> list[str]:
    """The names that a fresh interpreter prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_the_program_imports_no_module_that_it_does_not_use() -> None:
    loaded = python("import json, sys; import stacks.program; print(json.dumps(list(sys.modules)))")
    assert {"pulumi_docker", "pulumi_github", "pulumi_hcloud"} <= set(loaded)
    assert "pulumi_github.actions_hosted_runner" not in loaded
    assert "pulumi_docker.buildx_image" not in loaded
    assert "pulumi_hcloud.load_balancer" not in loaded


@pytest.mark.parametrize("package", USED)
def test_a_part_is_the_class_that_the_whole_has(package: str) -> None:
    source = (
        "import json, sys, importlib\n"
        f"whole = importlib.import_module({package!r})\n"
        f"found = [getattr(whole, name) for name in {USED[package]!r}]\n"
        "print(json.dumps([f'{c.__module__}.{c.__qualname__}' for c in found]))"
    )
    parts = [getattr(import_module(package), name) for name in USED[package]]
    assert python(source) == [f"{c.__module__}.{c.__qualname__}" for c in parts]


def test_a_name_that_there_is_not_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Balloon'"):
        _ = import_module("pulumi_hcloud").Balloon


def test_a_package_that_is_imported_already_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ModuleType("pulumi_docker")
    monkeypatch.setitem(sys.modules, "pulumi_docker", whole)
    import_in_parts("pulumi_docker")
    assert sys.modules["pulumi_docker"] is whole


def test_a_package_that_is_not_installed_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="'pulumi_balloon'"):
        import_in_parts("pulumi_balloon")
