"""Tests of the emulated Cloudflare and of its stand-in provider."""
