"""DNS records of the public hosts, and which authorities may issue certificates for a zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import pulumi

from components.component import Component
from components.sdk import cloudflare

AUTOMATIC_TTL: Final = 1
"""The only TTL that Cloudflare takes for a proxied record."""

EDGE_ISSUER: Final = "letsencrypt.org"
"""Who issues the certificates of our own edge proxy, unless told otherwise."""

PROXY_ISSUERS: Final = (
    "letsencrypt.org",
    "pki.goog; cansignhttpexchanges=yes",
    "sectigo.com",
    "ssl.com",
)
"""Who may issue the certificate that Cloudflare shows for a proxied host (source: Cloudflare,
"Certificate authorities"); it changes between them on its own."""


@dataclass(frozen=True, kw_only=True)
class PublicHost:
    """A host name that must resolve, and to what."""

    name: str
    """Fully qualified, lower case; an internationalised name in either form."""
    ipv4: pulumi.Input[str]
    ipv6: pulumi.Input[str] | None = None
    proxied: bool = False
    """Whether Cloudflare stands between the visitor and the server."""


@dataclass(frozen=True, kw_only=True)
class RecordsArgs:
    """What `Records` needs."""

    zones: Mapping[str, pulumi.Input[str]]
    """Zone id by domain. A host belongs to the longest domain that it ends with."""
    hosts: Sequence[PublicHost]
    caa_domains: Sequence[str] = ()
    """Domains whose CAA records this stack owns: at most one stack per domain, since Cloudflare
    refuses a second identical record."""
    ttl: int = 300
    """Seconds, 60 to 86400, of what is not proxied."""
    comment: str = "managed by manacore-platform"
    """At most 100 characters."""
    issuer: str = EDGE_ISSUER
    """The edge's authority, by the name that it checks CAA records for."""
    incident_mail: str | None = None
    """Where an authority reports a refused request (CAA `iodef`)."""


def ascii_name(name: str) -> str:
    """`name` as it goes over the wire: lower case, punycode. Raises `ValueError`."""
    if name.isascii():
        return name.lower()
    import idna  # noqa: PLC0415 - its tables cost 20 ms, and few names need them

    try:
        return idna.encode(name, uts46=True).decode()
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error


def zone_of(host: str, domains: Sequence[str]) -> str | None:
    """The domain among `domains` that `host` is in, or none."""
    found = [d for d in domains if host == d or host.endswith(f".{d}")]
    return max(found, key=len, default=None)


@dataclass(frozen=True, kw_only=True)
class _Record:
    """One record, before it is a resource."""

    role: str
    domain: str
    name: str
    type: Literal["A", "AAAA", "CAA"]
    proxied: bool = False
    content: pulumi.Input[str] | None = None
    caa: tuple[str, str] | None = None


@dataclass(frozen=True)
class _Plan:
    """All records of the arguments, and what is wrong with these."""

    records: list[_Record] = field(default_factory=list[_Record])
    problems: list[str] = field(default_factory=list[str])


class Records(Component):
    """A and AAAA records of every public host, CAA records of every owned domain."""

    token = "manacore:cloudflare:Records"

    record_ids: pulumi.Output[Mapping[str, str]]
    """Id by `<host> <type>`; what is needed to import or to inspect one by hand."""

    def __init__(
        self, name: str, args: RecordsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Register the records. Raises `ValueError` with everything that is wrong in `args`."""
        plan = _plan(args)
        if plan.problems:
            raise ValueError("\n".join(plan.problems))
        super().__init__(name, opts)
        zones = {ascii_name(domain): zone_id for domain, zone_id in args.zones.items()}
        ids: dict[str, pulumi.Output[str]] = {}
        for record in plan.records:
            resource = cloudflare.DnsRecord(
                f"{name}-{record.role}",
                zone_id=zones[record.domain],
                # The full name: the API answers with it, and a short one would be a difference.
                name=record.name,
                type=record.type,
                content=record.content,
                data=None
                if record.caa is None
                else {"flags": 0, "tag": record.caa[0], "value": record.caa[1]},
                ttl=AUTOMATIC_TTL if record.proxied else args.ttl,
                proxied=record.proxied,
                comment=args.comment,
                opts=self.child_options(),
            )
            kind = record.type if record.caa is None else f"CAA {' '.join(record.caa)}"
            ids[f"{record.name} {kind}"] = resource.id
        self.record_ids = pulumi.Output.all(**ids)
        self.register()


def _plan(args: RecordsArgs) -> _Plan:
    plan = _Plan()
    domains = [ascii_name(domain) for domain in args.zones]
    if not 60 <= args.ttl <= 86400:
        plan.problems.append(f"ttl: {args.ttl} is not between 60 and 86400 seconds")
    if len(args.comment) > 100:
        plan.problems.append(f"comment: {len(args.comment)} characters, at most 100 are possible")
    proxied: set[str] = set()
    seen: set[str] = set()
    for index, host in enumerate(args.hosts):
        path = f"hosts/{index} ({host.name})"
        try:
            name = ascii_name(host.name)
        except ValueError as error:
            plan.problems.append(f"{path}: not a host name: {error}")
            continue
        domain = zone_of(name, domains)
        if domain is None:
            plan.problems.append(f"{path}: in none of the zones {', '.join(domains)}; add its zone")
            continue
        if name in seen:
            plan.problems.append(f"{path}: is there twice; remove one")
        seen.add(name)
        if host.proxied:
            proxied.add(domain)
        plan.records.extend(_addresses(host, name, domain))
    for index, owned in enumerate(args.caa_domains):
        domain = ascii_name(owned)
        if domain not in domains:
            plan.problems.append(f"caa_domains/{index} ({owned}): not among the zones")
            continue
        issuers = [args.issuer]
        if domain in proxied:
            issuers += [issuer for issuer in PROXY_ISSUERS if issuer != args.issuer]
        plan.records.extend(_authorities(domain, issuers, args.incident_mail))
    return plan


def _addresses(host: PublicHost, name: str, domain: str) -> list[_Record]:
    records = [
        _Record(
            role=f"{name}-a",
            domain=domain,
            name=name,
            type="A",
            content=host.ipv4,
            proxied=host.proxied,
        )
    ]
    if host.ipv6 is not None:
        records.append(
            _Record(
                role=f"{name}-aaaa",
                domain=domain,
                name=name,
                type="AAAA",
                content=host.ipv6,
                proxied=host.proxied,
            )
        )
    return records


def _authorities(domain: str, issuers: Sequence[str], incident_mail: str | None) -> list[_Record]:
    values = [(tag, issuer) for issuer in issuers for tag in ("issue", "issuewild")]
    if incident_mail is not None:
        values.append(("iodef", f"mailto:{incident_mail}"))
    return [
        _Record(
            role=f"{domain}-caa-{tag}-{value.split(';')[0].removeprefix('mailto:')}",
            domain=domain,
            name=domain,
            type="CAA",
            caa=(tag, value),
        )
        for tag, value in values
    ]
