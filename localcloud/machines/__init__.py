"""Servers of the local cloud: what an emulated cloud server is made of."""
