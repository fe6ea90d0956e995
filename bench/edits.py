"""Edits of a copy of the project by which its edge becomes another one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

CADDY = "2.11.7"


@dataclass(frozen=True)
class Edit:
    """One text of a file is another one."""

    file: str
    old: str
    new: str

    def make(self, root: Path) -> None:
        """Replace it; raises `ValueError` when it is not there."""
        self._replace(root, self.old, self.new)

    def take_back(self, root: Path) -> None:
        """As it was; raises `ValueError` when the edit was not made."""
        self._replace(root, self.new, self.old)

    def _replace(self, root: Path, old: str, new: str) -> None:
        place = root / self.file
        text = place.read_text()
        if old not in text:
            raise ValueError(f"{self.file} has no {old!r}")
        place.write_text(text.replace(old, new))


Edits = Sequence[Edit]
ANOTHER_TIMING: Edits = (Edit("components/edge/proxy.py", "retry: int = 10", "retry: int = 11"),)
# The same program under another name: an image of its own, as the registry has it.
ANOTHER_IMAGE: Edits = (
    Edit("localcloud/images/infrastructure.py", CADDY, f"{CADDY}-again"),
    Edit("catalog/services/support.yaml", f"caddy:{CADDY}", f"caddy:{CADDY}-again"),
)
# Certificates that are due for renewal as soon as they are there, and looked at often.
ALWAYS_RENEWED: Edits = (
    Edit(
        "components/edge/certificates.py",
        'return {"automation": {"policies": policies}}',
        'policies[0]["renewal_window_ratio"] = 0.9999\n'
        '        return {"automation": {"renew_interval": "10s", "policies": policies}}',
    ),
)


def make(root: Path, *edits: Edit) -> None:
    """Make edits in the tree at `root`."""
    for edit in edits:
        edit.make(root)


def take_back(root: Path, *edits: Edit) -> None:
    """Take edits back."""
    for edit in edits:
        edit.take_back(root)
