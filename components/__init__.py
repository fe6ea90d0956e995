"""Pulumi components: what the stacks are made of."""

from components.sdk import import_in_parts

import_in_parts("pulumi_docker", "pulumi_github", "pulumi_hcloud")
