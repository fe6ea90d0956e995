"""The images that the local cloud runs, made without a public registry."""
