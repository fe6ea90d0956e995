"""The project's own workflows: pinned actions, no permissions but those that a job names."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

FOLDER = Path(__file__).parents[2] / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
CHANGING = ("release", "rollback", "retire")
# All others may read the repository.
PERMISSIONS: dict[tuple[str, str], dict[str, str]] = {
    ("release", "release"): {"contents": "write"},
    ("rollback", "rollback"): {"contents": "write"},
    ("retire", "retire"): {"contents": "write"},
    ("retire", "ask"): {"actions": "read"},
}
PINNED = re.compile(r"^\s*- uses: [\w./-]+@[0-9a-f]{40} # v\d", re.MULTILINE)


def test_there_are_workflows() -> None:
    assert {file.stem for file in FILES} >= {"check", "preview", "drift", *CHANGING}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_action_is_pinned_by_its_commit(file: Path) -> None:
    text = file.read_text()
    assert len(PINNED.findall(text)) == text.count("uses:")


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_nothing_is_permitted_but_by_a_job_and_every_job_ends(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        expected = PERMISSIONS.get((file.stem, name), {"contents": "read"})
        assert job["permissions"] == expected
        assert job["timeout-minutes"] <= (60 if file.stem == "release" else 30)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_checkout_leaves_its_token_to_the_steps_after_it(file: Path) -> None:
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        for step in job["steps"]:
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_expression_is_pasted_into_a_shell(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    for job in workflow["jobs"].values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_the_check_that_the_ruleset_requires_is_a_job() -> None:
    assert "check" in yaml.safe_load((FOLDER / "check.yml").read_text())["jobs"]


def changing_jobs() -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """The workflows that change a stack, each with the job that does."""
    for name in CHANGING:
        workflow = yaml.safe_load((FOLDER / f"{name}.yml").read_text())
        yield name, workflow, workflow["jobs"][name]


def test_changes_of_a_stack_run_one_at_a_time_and_are_not_cancelled() -> None:
    for _, workflow, job in changing_jobs():
        concurrency = workflow.get("concurrency") or job["concurrency"]
        assert re.fullmatch(r"stack-\$\{\{ (inputs|matrix)\.stack \}\}", concurrency["group"])
        assert concurrency["cancel-in-progress"] is False


def test_changes_start_from_the_ledger_of_main_as_it_is_now() -> None:
    for _, _, job in changing_jobs():
        assert "github.ref == 'refs/heads/main'" in job["if"]
        assert job["steps"][0]["with"]["ref"] == "${{ github.ref_name }}"


def test_releases_and_rollbacks_are_gated_by_the_environment_of_the_stack() -> None:
    gates = {name: job["environment"] for name, _, job in changing_jobs()}
    assert gates == {
        "release": "${{ inputs.stack }}",
        "rollback": "${{ inputs.stack }}",
        "retire": "${{ matrix.stack }}-upkeep",
    }


def test_what_was_done_is_recorded_however_it_ended() -> None:
    for _, _, job in changing_jobs():
        command, record = job["steps"][-2:]
        assert command["timeout-minutes"] < job["timeout-minutes"]
        assert record["if"] == "always()"
        assert record["run"] == 'scripts/deploy/record.sh "$STACK" "$BRANCH"'


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_the_step_that_pushes_has_the_token_that_may(file: Path) -> None:
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        assert "github.token" not in str(job.get("env"))
        for step in job["steps"]:
            has_token = "github.token" in str(step) or "secrets.GITHUB_TOKEN" in str(step)
            assert not has_token or step.get("name") == "Record" or step.get("id") == "ask"


@pytest.mark.parametrize(
    ("name", "environment", "expected"),
    [
        (
            "release",
            {"VERSIONS": " chat-web=a  chat-backend=b\n* --local", "WATCH": "60"},
            "release --stack staging --watch 60 -- chat-web=a chat-backend=b * --local",
        ),
        ("rollback", {"RELEASE": "", "SERVICES": ""}, "rollback --stack staging --"),
        (
            "rollback",
            {"RELEASE": "an-id; exit", "SERVICES": "chat-web $(exit)"},
            "rollback --stack staging --release=an-id; exit -- chat-web $(exit)",
        ),
    ],
)
def test_inputs_are_words_and_nothing_else(
    tmp_path: Path, name: str, environment: dict[str, str], expected: str
) -> None:
    fake = tmp_path / "manacore"
    fake.write_text('#!/bin/sh\necho "$@"\n')
    fake.chmod(0o755)
    job = next(job for found, _, job in changing_jobs() if found == name)
    done = subprocess.run(
        ["bash", "-e", "-c", job["steps"][-2]["run"]],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "STACK": "staging", **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == expected
