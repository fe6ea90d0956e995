"""Tests of the Cloudflare components."""
