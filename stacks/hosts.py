"""Public host names: the catalogue's routes in the stack's domains."""

from __future__ import annotations

from dataclasses import dataclass

from catalog import Catalog, Service
from stacks.settings import Settings


@dataclass(frozen=True)
class Hosts:
    """Resolves routes to host names and URLs."""

    catalog: Catalog
    settings: Settings

    def host(self, service: Service) -> str:
        """The host name of a routed service, in its ASCII form."""
        if service.route is None:
            raise ValueError(f"{service.name} has no route")
        domain = self.settings.domains[service.route.domain].name
        return domain if service.route.host == "@" else f"{service.route.host}.{domain}"

    def url(self, service: Service) -> str:
        """The public URL of a routed service, without a final slash."""
        return f"https://{self.host(service)}"

    def proxied(self, service: Service) -> bool:
        """Whether its traffic goes through Cloudflare."""
        if service.route is None:
            raise ValueError(f"{service.name} has no route")
        domain = self.settings.domains[service.route.domain]
        return domain.proxied if service.route.proxied is None else service.route.proxied

    def zone(self, service: Service) -> str:
        """The zone that holds the host name of a routed service."""
        if service.route is None:
            raise ValueError(f"{service.name} has no route")
        return self.settings.domains[service.route.domain].zone
