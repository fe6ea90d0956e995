"""What a stack is rebuilt by beside its data: its state, ledger and configuration, as one document.

It comes from whoever updated the stack. Its secrets are encrypted by the stack's passphrase
already, which is neither in the document nor here.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, cast

from .process import AgentError
from .repository import Repository
from .retention import expired
from .settings import Settings

NAME = "stack.json"
TAG = "state"
_PARTS = {"stack", "deployment", "files"}


def keep(settings: Settings, document: str, now: datetime) -> str:
    """Store a document and return the snapshot's id; raises `AgentError`.

    It does not wait for a backup that is under way: nothing of it is on the volume.
    """
    stack = _stack(document)
    repository = Repository(settings, settings.repository)
    snapshot = repository.store_text(NAME, document, [TAG, f"stack:{stack}"], now)
    kept = [one for one in repository.snapshots() if TAG in one.tags]
    repository.forget(expired(kept, settings.keep_days))
    return snapshot


def _stack(document: str) -> str:
    try:
        found = cast("dict[str, Any]", json.loads(document))
        missing = _PARTS - found.keys()
    except (ValueError, AttributeError) as error:
        raise AgentError(f"what came is no stack's document: {error}") from error
    if missing:
        raise AgentError(f"the document has no {', '.join(sorted(missing))}")
    return str(found["stack"])
