"""The stack that people use: what holds data or an address is protected."""

from stacks.policy import Policy

POLICY = Policy(protect=True, owns_repository=True)
