"""The project's own workflows: pinned actions, no permissions but those that a job names."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
PINNED = re.compile(r"^\s*- uses: [\w./-]+@[0-9a-f]{40} # v\d", re.MULTILINE)


def test_there_are_workflows() -> None:
    assert {file.stem for file in FILES} >= {"check", "preview", "drift"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    text = file.read_text()
    assert len(PINNED.findall(text)) == text.count("uses:")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_permitted_but_by_a_job_and_every_job_ends(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for job in workflow["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 30


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_expression_is_pasted_into_a_shell(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_the_check_that_the_ruleset_requires_is_a_job() -> None:
    assert "check" in yaml.safe_load((FOLDER / "check.yml").read_text())["jobs"]
