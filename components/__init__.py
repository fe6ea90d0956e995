"""Pulumi components: what the stacks are made of."""
