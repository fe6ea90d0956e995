"""The Hetzner Cloud API (`api.hetzner.cloud/v1`), emulated; `machines` run its servers."""
