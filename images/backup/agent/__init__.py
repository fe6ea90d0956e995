"""The backup agent: proven backups of PostgreSQL in a restic repository. Standard library only."""
