"""The app repository's Dockerfiles keep their promises."""

from __future__ import annotations

import re
import shutil
import subprocess
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "monorepo/docker"
KINDS = ("nestjs", "sveltekit", "astro", "expo")
SECRET = re.compile(r"SECRET|TOKEN|PASSWORD|KEY|DATABASE_URL|PRIVATE", re.IGNORECASE)


@dataclass(frozen=True)
class Instruction:
    """One instruction of a Dockerfile, its continued lines joined."""

    word: str
    rest: str


def _parse(kind: str) -> list[Instruction]:
    lines = (FOLDER / f"{kind}.Dockerfile").read_text().splitlines()
    kept = [line for line in lines if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(kept))
    return [Instruction(*line.split(maxsplit=1)) for line in joined.splitlines()]


def _stages(kind: str) -> list[list[Instruction]]:
    stages: list[list[Instruction]] = []
    for instruction in _parse(kind):
        if instruction.word == "FROM":
            stages.append([])
        if stages:
            stages[-1].append(instruction)
    return stages


def _words(stage: list[Instruction], word: str) -> list[str]:
    return [instruction.rest for instruction in stage if instruction.word == word]


@pytest.mark.parametrize("kind", KINDS)
def test_dependencies_build_and_runtime_are_stages_of_their_own(kind: str) -> None:
    names = [_words(stage, "FROM")[0].rpartition(" AS ")[2] for stage in _stages(kind)]
    assert names[:2] == ["dependencies", "build"]
    assert names[-1] == "runtime"
    copied = [rest for rest in _words(_stages(kind)[-1], "COPY") if "--from" not in rest]
    assert all(rest.split()[-2].startswith("docker/") for rest in copied)


@pytest.mark.parametrize("kind", KINDS)
def test_the_app_runs_as_uid_1001_and_is_checked(kind: str) -> None:
    runtime = _stages(kind)[-1]
    assert _words(runtime, "USER") == ["1001:1001"]
    (check,) = _words(runtime, "HEALTHCHECK")
    assert "wget -q -O /dev/null" in check
    words = [instruction.word for instruction in runtime]
    assert words.index("USER") > max(i for i, word in enumerate(words) if word in ("RUN", "COPY"))


@pytest.mark.parametrize("kind", KINDS)
def test_bases_and_tools_are_pinned(kind: str) -> None:
    instructions = _parse(kind)
    (node,) = (i.rest for i in instructions if i.word == "ARG" and i.rest.startswith("NODE="))
    assert re.fullmatch(r"NODE=20\.\d+\.\d+-alpine3\.\d+", node)
    for instruction in instructions:
        if instruction.word == "FROM":
            base = instruction.rest.split()[0]
            assert base in ("node:${NODE}", "dependencies") or re.search(r":\d+\.\d+\.\d+-", base)
    runs = " ".join(i.rest for i in instructions if i.word == "RUN")
    assert re.search(r"pnpm@9\.\d+\.\d+", runs)
    assert "--frozen-lockfile" in runs
    assert "|| echo" not in runs
    assert "|| true" not in runs


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_and_no_public_url_is_baked_in(kind: str) -> None:
    for instruction in _parse(kind):
        if instruction.word in ("ARG", "ENV"):
            assert not SECRET.search(instruction.rest)
            assert "PUBLIC_" not in instruction.rest
            assert "http" not in instruction.rest


@pytest.mark.parametrize("kind", ["nestjs", "sveltekit", "expo"])
def test_secrets_reach_the_app_as_files(kind: str) -> None:
    entry = _words(_stages(kind)[-1], "ENTRYPOINT")
    assert entry == ['["/usr/local/bin/entrypoint.sh"]']


def test_the_entry_point_is_the_one_that_the_local_cloud_runs() -> None:
    local = FOLDER.parents[1] / "localcloud/images/apps/entrypoint.sh"
    assert (FOLDER / "entrypoint.sh").read_bytes() == local.read_bytes()


def test_the_entry_point_exports_each_secret_and_then_is_the_app(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    (secrets / "JWT").write_text("line 1\nline 2")
    (secrets / "not-a-variable").write_text("x")
    script = tmp_path / "entrypoint.sh"
    text = (FOLDER / "entrypoint.sh").read_text()
    script.write_text(text.replace("/run/secrets", str(secrets)))
    shell = shutil.which("sh") or "sh"
    done = subprocess.run(
        [shell, str(script), shell, "-c", 'printf %s "$JWT"'],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout == "line 1\nline 2"


def test_the_landing_pages_server_accepts_its_configuration() -> None:
    caddy = Path(sysconfig.get_path("scripts")) / "caddy"
    done = subprocess.run(
        [str(caddy), "validate", "--adapter", "caddyfile", "--config", "astro.Caddyfile"],
        cwd=FOLDER, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_secrets_and_history_stay_out_of_the_build() -> None:
    ignored = (FOLDER / "dockerignore").read_text().split()
    assert {".git", "**/.env", "**/node_modules", "**/*.pem"} <= set(ignored)


def test_a_backend_without_migrations_has_nothing_to_migrate(tmp_path: Path) -> None:
    done = _migrate(tmp_path)
    assert (done.returncode, "nothing to migrate" in done.stdout) == (0, True)


def test_a_migration_gets_the_secrets_and_its_failure_is_not_swallowed(tmp_path: Path) -> None:
    (tmp_path / "dist").mkdir()
    (tmp_path / "dist/migrate.js").write_text("")
    done = _migrate(tmp_path)
    assert (done.returncode, done.stdout) == (3, "node dist/migrate.js\n")


def _migrate(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run `migrate` beside an entry point that prints what it is to start, and fails."""
    entry = folder / "entrypoint.sh"
    entry.write_text('#!/bin/sh\necho "$@"\nexit 3\n')
    entry.chmod(0o755)
    script = folder / "migrate.sh"
    text = (FOLDER / "migrate.sh").read_text()
    script.write_text(text.replace("/usr/local/bin/entrypoint.sh", str(entry)))
    return subprocess.run(
        ["sh", str(script)], cwd=folder, capture_output=True, text=True, check=False
    )
