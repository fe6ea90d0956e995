"""Releases: what is put live, how it is watched, and how it is taken back."""
