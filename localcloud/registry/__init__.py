"""The registry of the local cloud."""
