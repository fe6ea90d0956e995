"""The stack that people use."""

from stacks.policy import Policy

POLICY = Policy(owns_repository=True)
