"""GitHub's API on one machine: see `app.py`."""
