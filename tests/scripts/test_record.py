"""What a release wrote gets into the branch, whoever else pushed meanwhile."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.platform import ROOT

SCRIPT = Path("scripts/deploy/record.sh")
LEDGER = Path("releases/staging.yaml")
IDENTITY = {
    f"GIT_{who}_{what}": "x@y" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
}
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_SYSTEM": "/dev/null",
    **IDENTITY,
}


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


def commit(tree: Path, file: str, text: str) -> None:
    """Somebody's commit, pushed."""
    (tree / file).parent.mkdir(parents=True, exist_ok=True)
    (tree / file).write_text(text)
    git(tree, "add", "--all")
    git(tree, "commit", "--quiet", "-m", f"change {file}")
    git(tree, "push", "--quiet", "origin", "HEAD:main")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with the script and a ledger in its branch main."""
    bare, tree = tmp_path / "origin.git", tmp_path / "first"
    git(tmp_path, "init", "--quiet", "--bare", "--initial-branch=main", str(bare))
    git(tmp_path, "clone", "--quiet", str(bare), str(tree))
    (tree / SCRIPT).parent.mkdir(parents=True)
    shutil.copy(ROOT / SCRIPT, tree / SCRIPT)
    shutil.copy(ROOT / ".gitignore", tree / ".gitignore")
    commit(tree, str(LEDGER), "live: blue\n")
    return bare


def checkout(origin: Path, name: str) -> Path:
    """A tree as a workflow has it: the last commit alone."""
    tree = origin.parent / name
    git(origin, "clone", "--quiet", "--depth=1", f"file://{origin}", str(tree))
    return tree


def released(tree: Path, identity: str) -> None:
    """What a release writes."""
    (tree / LEDGER).write_text("live: green\n")
    folder = tree / "receipts/staging"
    folder.mkdir(parents=True)
    (folder / f"{identity}.md").write_text(f"# release {identity}\n\n- chat-web\n")
    (folder / f"{identity}.json").write_text("{}\n")


def record(tree: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(tree / SCRIPT), "staging", "main"],
        cwd="/",
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_ledger_and_receipt_are_one_commit_and_the_receipt_is_in_the_summary(origin: Path) -> None:
    tree, summary = checkout(origin, "tree"), origin.parent / "summary.md"
    released(tree, "an-id")

    done = record(tree, GITHUB_STEP_SUMMARY=str(summary))

    assert done.returncode == 0, done.stderr
    assert git(origin, "show", "main:releases/staging.yaml") == "live: green"
    assert git(origin, "log", "-1", "--format=%s", "main") == "staging: release an-id"
    assert git(origin, "show", "--name-only", "--format=", "main").split() == [
        "receipts/staging/an-id.json",
        "receipts/staging/an-id.md",
        "releases/staging.yaml",
    ]
    assert summary.read_text() == "# release an-id\n\n- chat-web\n"


def test_what_others_pushed_meanwhile_stays(origin: Path) -> None:
    tree = checkout(origin, "tree")
    commit(checkout(origin, "other"), "docs/page.md", "theirs\n")
    released(tree, "an-id")

    done = record(tree)

    assert done.returncode == 0, done.stderr
    assert git(origin, "show", "main:docs/page.md") == "theirs"
    assert git(origin, "show", "main:releases/staging.yaml") == "live: green"


def test_without_a_change_there_is_no_commit(origin: Path) -> None:
    tree, before = checkout(origin, "tree"), git(origin, "rev-parse", "main")

    done = record(tree)

    assert (done.returncode, git(origin, "rev-parse", "main")) == (0, before)


def test_only_the_stack_is_recorded_and_not_what_a_killed_write_left(origin: Path) -> None:
    tree = checkout(origin, "tree")
    (tree / LEDGER).write_text("live: green\n")
    (tree / "releases/production.yaml").write_text("not mine\n")
    (tree / "releases/.staging.yaml.0a1b2c").write_text("half\n")
    (tree / "receipts/staging").mkdir(parents=True)
    (tree / "receipts/staging/.an-id.json.0a1b2c").write_text("half\n")

    done = record(tree)

    assert done.returncode == 0, done.stderr
    assert git(origin, "show", "--name-only", "--format=", "main") == "releases/staging.yaml"


def test_a_ledger_that_cannot_be_pushed_is_shown_with_what_to_do(origin: Path) -> None:
    tree, summary = checkout(origin, "tree"), origin.parent / "summary.md"
    commit(checkout(origin, "other"), str(LEDGER), "live: by hand\n")
    released(tree, "an-id")

    done = record(tree, GITHUB_STEP_SUMMARY=str(summary))

    assert done.returncode == 1
    assert "The ledger of staging is not in main" in done.stderr
    assert "```yaml\nlive: green\n```" in summary.read_text()
    assert git(origin, "show", "main:releases/staging.yaml") == "live: by hand"
