"""The Hetzner emulator and its stand-in provider."""
