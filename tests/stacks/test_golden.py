"""The plan of each stack, compared with the one in git.

After a change that is meant: `pytest tests/stacks/test_golden.py --update-golden`, and the
difference is part of the commit.
"""

from __future__ import annotations

import json

import pytest

from tests.support.platform import ROOT, planned

GOLDEN = ROOT / "tests" / "stacks" / "golden"


@pytest.mark.parametrize("stack", ["staging", "production"])
def test_the_plan_is_the_one_in_git(stack: str, update_golden: bool) -> None:
    recorder, outputs = planned(stack)
    lines = [
        json.dumps({"token": r.token, "name": r.name, "inputs": r.inputs}, sort_keys=True)
        for r in sorted(recorder.resources, key=lambda r: (r.token, r.name))
    ]
    text = "\n".join([*lines, json.dumps({"outputs": outputs}, sort_keys=True, default=str)]) + "\n"
    file = GOLDEN / f"{stack}.jsonl"
    if update_golden:
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text
