"""`python -m ops`."""

from ops.garbage import not_collected

with not_collected():
    from ops.cli import app

app(prog_name="manacore")
