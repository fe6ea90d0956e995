"""The backup agent: proven backups in a restic repository. Standard library only."""
