"""The stack that follows main by itself. It can be thrown away and made again."""

from stacks.policy import Policy

POLICY = Policy(owns_repository=False)
