"""The platform's services as data."""

from catalog.catalog import Catalog, load_catalog
from catalog.kinds import Kind
from catalog.problem import InvalidInputError, Problem
from catalog.service import Network, Service

__all__ = [
    "Catalog",
    "InvalidInputError",
    "Kind",
    "Network",
    "Problem",
    "Service",
    "load_catalog",
]
