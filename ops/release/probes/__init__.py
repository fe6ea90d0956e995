"""The kinds of probe: each sends one kind of load to one host."""
