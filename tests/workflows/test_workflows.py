"""The project's own workflows and actions: all is pinned, and permitted is what a job names."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
OWN = sorted((ROOT / ".github" / "actions").glob("*/action.yml"))
ALL = [*FILES, *OWN]
CHANGING = ("release", "rollback", "retire")
# All others may read the repository.
PERMISSIONS: dict[tuple[str, str], dict[str, str]] = {
    ("release", "release"): {"contents": "write"},
    ("rollback", "rollback"): {"contents": "write"},
    ("retire", "retire"): {"contents": "write"},
    ("retire", "ask"): {"actions": "read"},
}
PINNED = re.compile(r"^\s*- uses: ([\w/-]+)@([0-9a-f]{40} # v\d.*)$", re.MULTILINE)
LOCAL = re.compile(r"^\s*- uses: \./(\.github/actions/[\w-]+)$", re.MULTILINE)


def name_of(file: Path) -> str:
    """A workflow's or an action's name: the latter's is its folder's."""
    return file.parent.name if file in OWN else file.stem


def steps_of(file: Path) -> list[dict[str, Any]]:
    """All steps of a workflow or an action."""
    parsed = yaml.safe_load(file.read_text())
    jobs = [parsed["runs"]] if file in OWN else parsed["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_there_are_workflows() -> None:
    assert {file.stem for file in FILES} >= {"check", "preview", "drift", *CHANGING}
    assert {name_of(file) for file in OWN} == {"engine", "ssh-key"}


@pytest.mark.parametrize("file", ALL, ids=name_of)
def test_every_action_is_pinned_by_its_commit_or_is_our_own(file: Path) -> None:
    text = file.read_text()
    own = LOCAL.findall(text)
    assert len(PINNED.findall(text)) + len(own) == text.count("uses:")
    assert all((ROOT / folder / "action.yml") in OWN for folder in own)


def test_an_action_has_the_same_commit_everywhere() -> None:
    found: dict[str, set[str]] = {}
    for file in ALL:
        for action, commit in PINNED.findall(file.read_text()):
            found.setdefault(action, set()).add(commit)
    assert [action for action, commits in found.items() if len(commits) > 1] == []


def test_python_has_the_same_version_everywhere() -> None:
    steps = [step for file in ALL for step in steps_of(file)]
    versions = {step["with"]["python-version"] for step in steps if _is(step, "setup-python")}
    assert versions == {"3.11"}


def _is(step: dict[str, Any], action: str) -> bool:
    return step.get("uses", "").startswith(f"actions/{action}@")


# The agent of backups may wait for its own lock for an hour.
LONGEST = {"release": 60, "backups": 120}


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_nothing_is_permitted_but_by_a_job_and_every_job_ends(file: Path) -> None:
    workflow: dict[str, Any] = yaml.safe_load(file.read_text())
    assert workflow["permissions"] == {}
    for name, job in workflow["jobs"].items():
        expected = PERMISSIONS.get((file.stem, name), {"contents": "read"})
        assert job["permissions"] == expected
        assert job["timeout-minutes"] <= LONGEST.get(file.stem, 30)


@pytest.mark.parametrize("file", ALL, ids=name_of)
def test_no_checkout_leaves_its_token_to_the_steps_after_it(file: Path) -> None:
    for step in steps_of(file):
        if _is(step, "checkout"):
            assert step["with"]["persist-credentials"] is False


@pytest.mark.parametrize("file", ALL, ids=name_of)
def test_no_expression_is_pasted_into_a_shell(file: Path) -> None:
    assert all("${{" not in step.get("run", "") for step in steps_of(file))


@pytest.mark.parametrize("file", OWN, ids=name_of)
def test_an_action_knows_no_secret_but_by_its_described_inputs(file: Path) -> None:
    text = file.read_text()
    assert "secrets." not in text
    assert "github.token" not in text
    action: dict[str, Any] = yaml.safe_load(text)
    assert action["name"] == name_of(file)
    assert action["description"]
    assert all(given["description"] for given in action.get("inputs", {}).values())


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_our_own_actions_get_exactly_their_inputs_and_the_tree_before(file: Path) -> None:
    for job in yaml.safe_load(file.read_text())["jobs"].values():
        checked_out = False
        for step in job["steps"]:
            checked_out = checked_out or _is(step, "checkout")
            if step.get("uses", "").startswith("./"):
                assert checked_out
                action = yaml.safe_load((ROOT / step["uses"] / "action.yml").read_text())
                assert step.get("with", {}).keys() == action.get("inputs", {}).keys()


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


@pytest.mark.parametrize("file", FILES, ids=name_of)
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


def test_the_loaded_key_is_in_the_agent_of_the_steps_that_follow(tmp_path: Path) -> None:
    key, environment = tmp_path / "key", tmp_path / "environment"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    (step,) = steps_of(ROOT / ".github/actions/ssh-key/action.yml")
    told = _load(step, key.read_text().strip(), environment)
    agent = re.search(r"Agent pid (\d+)", told.stdout)
    assert agent
    try:
        assert told.returncode == 0, told.stderr
        socket = environment.read_text().strip().removeprefix("SSH_AUTH_SOCK=")
        listed = subprocess.run(
            ["ssh-add", "-L"],
            env={"PATH": "/usr/bin:/bin", "SSH_AUTH_SOCK": socket},
            capture_output=True,
            text=True,
            check=True,
        )
        assert listed.stdout.split()[1] == key.with_suffix(".pub").read_text().split()[1]
    finally:
        os.kill(int(agent[1]), signal.SIGTERM)


def test_a_missing_key_fails_at_once(tmp_path: Path) -> None:
    (step,) = steps_of(ROOT / ".github/actions/ssh-key/action.yml")
    told = _load(step, "", tmp_path / "environment")
    agent = re.search(r"Agent pid (\d+)", told.stdout)
    assert agent
    os.kill(int(agent[1]), signal.SIGTERM)
    assert told.returncode != 0
    assert not (tmp_path / "environment").exists()


def _load(step: dict[str, Any], key: str, environment: Path) -> subprocess.CompletedProcess[str]:
    """Run the step as the runner does."""
    return subprocess.run(
        ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={"PATH": "/usr/bin:/bin", "KEY": key, "GITHUB_ENV": str(environment)},
        capture_output=True,
        text=True,
        check=False,
    )
