"""`manacore doctor`: is everything there that the platform needs, and if not, what to do."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import typer
from rich.markup import escape
from rich.table import Table

from catalog import InvalidInputError, load_catalog
from localcloud import engine, packages, preflight
from localcloud.cloud import LocalCloud
from localcloud.home import Home
from ops import console
from ops.options import AsJson, Local, Stack
from ops.target import ROOT

TIMEOUT = 5.0
PLUGINS = ("hcloud", "cloudflare", "github", "docker", "command", "random")


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    detail: str = ""
    remedy: str = ""


@dataclass(frozen=True, kw_only=True)
class Vendor:
    """How a vendor is asked whether a token works."""

    name: str
    token: str
    endpoint: str
    base: str
    path: str


VENDORS = (
    Vendor(
        name="Hetzner",
        token="HCLOUD_TOKEN",  # noqa: S106 - a variable's name
        endpoint="HCLOUD_ENDPOINT",
        base="https://api.hetzner.cloud/v1",
        path="/locations",
    ),
    Vendor(
        name="Cloudflare",
        token="CLOUDFLARE_API_TOKEN",  # noqa: S106 - a variable's name
        endpoint="CLOUDFLARE_BASE_URL",
        base="https://api.cloudflare.com/client/v4",
        path="/zones",
    ),
    Vendor(
        name="GitHub",
        token="GITHUB_TOKEN",  # noqa: S106 - a variable's name
        endpoint="GITHUB_BASE_URL",
        base="https://api.github.com",
        path="/user",
    ),
)


def doctor(stack: Stack = "staging", as_json: AsJson = False, local: Local = False) -> None:
    """Check tools, engine, plugins, credentials, clouds and configuration."""
    home = Home.from_environment()
    findings = list(examine(stack, home, local=local))
    if as_json:
        console.answer([vars(finding) for finding in findings])
    else:
        show(findings)
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


def examine(stack: str, home: Home, *, local: bool) -> Iterator[Finding]:
    """Look at everything; nothing stops at the first thing that is lacking."""
    cloud = LocalCloud(home)
    yield from _machine(home, cloud, stack, local=local)
    yield _engine(home)
    if not local or cloud.uses_official_plugins:
        yield _plugins()
    yield _configuration(stack)
    if local:
        up = cloud.is_up(stack)
        yield Finding(
            what="local cloud", ok=up, detail=f"with {stack}", remedy=f"make up STACK={stack}"
        )
        if not up:
            return
    variables = {**os.environ, **(cloud.variables(stack) if local else {})}
    for vendor in VENDORS:
        yield _vendor(vendor, variables)


def _machine(home: Home, cloud: LocalCloud, stack: str, *, local: bool) -> Iterator[Finding]:
    wanted = packages.TOOLS + (packages.LOCAL if local else ())
    missing = [package.name for package in packages.missing(wanted)]
    yield Finding(
        what="tools",
        ok=not missing,
        detail=f"missing: {', '.join(missing)}" if missing else "all there",
        remedy=f"apt-get install {' '.join(missing)}",
    )
    if not local:
        return
    own = preflight.PORTS if cloud.is_up(stack) else ()
    found = preflight.problems(preflight.Machine.of_here(home, own), home)
    if not found:
        yield Finding(what="machine", ok=True, detail="root, memory, disk, ports, cgroups")
    for problem in found:
        yield Finding(what="machine", ok=False, detail=problem.what, remedy=problem.remedy)


def _engine(home: Home) -> Finding:
    found = engine.find(home)
    version = engine.version_of(found) if found else None
    return Finding(
        what="engine",
        ok=found is not None,
        detail=f"{found} {'.'.join(map(str, version or ()))}" if found else "none",
        remedy="https://www.pulumi.com/docs/install, or make up, which builds it",
    )


def _plugins() -> Finding:
    """The official plugins: the engine fetches them itself where it can."""
    folder = Path(os.environ.get("PULUMI_HOME") or Path.home() / ".pulumi") / "plugins"
    absent = [name for name in PLUGINS if not list(folder.glob(f"resource-{name}-v*"))]
    host = shutil.which("pulumi-language-python") is not None
    lacking = [*absent, *([] if host else ["the language host of Python"])]
    return Finding(
        what="plugins",
        ok=not absent,
        detail=f"missing: {', '.join(lacking)}" if lacking else f"all in {folder}",
        remedy="pulumi install",
    )


def _configuration(stack: str) -> Finding:
    file = ROOT / f"Pulumi.{stack}.yaml"
    try:
        services = len(load_catalog().counted)
    except InvalidInputError as error:
        return Finding(what="configuration", ok=False, detail=str(error), remedy="mend these")
    return Finding(
        what="configuration",
        ok=file.is_file(),
        detail=f"{file.name}, {services} services" if file.is_file() else f"no {file.name}",
        remedy=f"pulumi stack init {stack}; Pulumi.yaml describes every key",
    )


def _vendor(vendor: Vendor, variables: dict[str, str]) -> Finding:
    token = variables.get(vendor.token, "")
    if not token:
        return Finding(
            what=vendor.name,
            ok=False,
            detail=f"{vendor.token} is not set",
            remedy=f"export {vendor.token}=...",
        )
    base = variables.get(vendor.endpoint, vendor.base).rstrip("/")
    try:
        answer = httpx.get(
            f"{base}{vendor.path}", headers={"Authorization": f"Bearer {token}"}, timeout=TIMEOUT
        )
    except httpx.HTTPError as error:
        return Finding(
            what=vendor.name,
            ok=False,
            detail=f"{base} is not reachable: {error}",
            remedy=f"check the network and {vendor.endpoint}",
        )
    return Finding(
        what=vendor.name,
        ok=answer.is_success,
        detail=f"{base} answers {answer.status_code}",
        remedy=f"check {vendor.token}: the token is refused",
    )


def show(findings: list[Finding]) -> None:
    """Print one screen."""
    table = Table("", "what", "found", "remedy")
    for finding in findings:
        mark = "[green]ok[/]" if finding.ok else "[red]lacking[/]"
        remedy = "" if finding.ok else escape(finding.remedy)
        table.add_row(mark, finding.what, escape(finding.detail), remedy)
    console.out.print(table)
