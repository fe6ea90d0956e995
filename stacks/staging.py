"""The stack that follows main by itself. It can be thrown away and made again."""

from stacks.policy import Policy

POLICY = Policy(protect=False, owns_repository=False)
