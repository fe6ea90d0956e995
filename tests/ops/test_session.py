"""A stack's session with the real engine."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ops import session
from ops.failures import OpsError
from ops.session import Session
from ops.target import Target
from tests.localcloud.providers.engine import ENGINE


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Target:
    """A stack in a backend of its own, which is empty."""
    (tmp_path / "Pulumi.yaml").write_text("name: toy\nruntime: python\n")
    (tmp_path / "backend").mkdir()
    variables = {
        "HOME": str(tmp_path),
        "PULUMI_BACKEND_URL": f"file://{tmp_path / 'backend'}",
        "PULUMI_CONFIG_PASSPHRASE": "test",
        "PULUMI_HOME": str(tmp_path / "home"),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
    }
    # A session puts them into the process's own environment.
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return Target(
        stack="test",
        is_local=False,
        folder=tmp_path,
        variables=variables,
        engine=ENGINE / "pulumi",
        logs=tmp_path / "logs",
    )


def test_who_only_reads_makes_no_stack(here: Target) -> None:
    backend = here.folder / "backend"
    reader = Session(here).known()
    said = re.escape("The stack test is not up: bring it up first.")
    with pytest.raises(OpsError, match=said):
        session.outputs(reader)
    assert not list(backend.rglob("test.json"))

    Session(here).stack()
    assert list(backend.rglob("test.json"))
    assert session.outputs(reader) == {}
    assert session.resources(reader) == []


def test_a_backend_that_is_not_there_is_said(here: Target) -> None:
    (here.folder / "backend").rmdir()
    for opened in (Session(here).stack, lambda: session.outputs(Session(here).known())):
        with pytest.raises(OpsError, match="The stack test cannot be opened") as raised:
            opened()
        assert "backend" in str(raised.value)
