"""Cloudflare: DNS records of the public hosts, settings of a zone, the bucket for backups."""
