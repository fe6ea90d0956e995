"""What the components need to know of a catalogue entry."""

from __future__ import annotations

from catalog import Service
from catalog.service import Hardening
from components.docker.container import Runtime


def runtime(service: Service) -> Runtime:
    """Image, limits, user and networks of a service; hardened unless the entry is exempt."""
    return Runtime(
        image=service.image or "",
        memory=service.memory,
        cpus=service.cpus,
        user=service.user,
        port=service.port,
        networks=[network.value for network in service.networks],
        read_only=not service.exempt(Hardening.READ_ONLY_ROOT),
        add_capabilities=service.capabilities,
    )
