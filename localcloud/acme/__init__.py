"""The ACME server of the local cloud and of the edge's tests."""
