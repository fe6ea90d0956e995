"""What the rulesets engine accepts as the rules of a phase."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from localcloud.emulators.cloudflare.cloud import new_id, timestamp
from localcloud.emulators.cloudflare.envelope import ApiError, Problem
from localcloud.emulators.store import Row

PHASES: Final[Mapping[str, tuple[str, ...]]] = {
    "http_request_cache_settings": ("set_cache_settings",),
    "http_request_dynamic_redirect": ("redirect",),
    "http_request_firewall_custom": ("block", "challenge", "managed_challenge", "log", "skip"),
    "http_request_transform": ("rewrite",),
    "http_response_headers_transform": ("rewrite",),
}
"""Actions by phase."""
MOST_RULES: Final = 10  # of the free plan
LEAST_EDGE_TTL: Final = 7200  # of the free plan
_TTL_MODES: Final[Mapping[str, tuple[str, ...]]] = {
    "edge_ttl": ("respect_origin", "bypass_by_default", "override_origin"),
    "browser_ttl": ("respect_origin", "bypass_by_default", "override_origin", "bypass"),
}


def checked_rules(phase: str, given: object, before: Sequence[Row]) -> list[Row]:
    """The rules as they are kept: what is unchanged keeps id and version.

    Raises the API's 400 with everything that is wrong.
    """
    if not isinstance(given, list):
        raise ApiError(400, Problem(20007, "rules must be a list"))
    rules = cast("list[object]", given)
    problems: list[Problem] = []
    if len(rules) > MOST_RULES:
        message = f"exceeded maximum number of rules in the phase {phase}: {MOST_RULES}"
        problems.append(Problem(20113, message))
    kept = [_rule(phase, index, rule, before, problems) for index, rule in enumerate(rules)]
    refs = [rule["ref"] for rule in kept]
    problems += [
        Problem(20127, f"ref '{ref}' is used by more than one rule")
        for ref in sorted({ref for ref in refs if refs.count(ref) > 1})
    ]
    if problems:
        raise ApiError(400, *problems)
    return kept


def _rule(
    phase: str, index: int, given: object, before: Sequence[Row], problems: list[Problem]
) -> Row:
    if not isinstance(given, dict):
        problems.append(Problem(20007, f"rule {index} must be an object"))
        return {"ref": str(index)}
    rule = cast("Row", given)
    expression = rule.get("expression")
    if not isinstance(expression, str) or not _balanced(expression):
        problems.append(Problem(20127, f"rule {index}: could not parse expression {expression!r}"))
    action = rule.get("action")
    if action not in PHASES[phase]:
        problems.append(
            Problem(20016, f"rule {index}: action '{action}' is not allowed in phase {phase}")
        )
    parameters = cast("Row", rule.get("action_parameters") or {})
    if action == "set_cache_settings":
        problems += [Problem(c, f"rule {index}: {m}") for c, m in _cache_problems(parameters)]
    old = next((o for o in before if _same(o, rule)), None)
    rule_id = old["id"] if old else new_id()
    kept: Row = {
        "id": rule_id,
        "version": "1",
        "action": action,
        "action_parameters": parameters,
        "expression": expression,
        "description": rule.get("description") or "",
        "ref": rule.get("ref") or rule_id,
        "enabled": rule.get("enabled", True),
    }
    if old is not None:
        same = all(kept[key] == old[key] for key in kept if key not in ("id", "version"))
        kept["version"] = old["version"] if same else str(int(old["version"]) + 1)
        kept["last_updated"] = old["last_updated"] if same else timestamp()
    else:
        kept["last_updated"] = timestamp()
    return kept


def _same(old: Row, rule: Row) -> bool:
    if rule.get("id"):
        return bool(old["id"] == rule["id"])
    return bool(rule.get("ref")) and old["ref"] == rule["ref"]


def _balanced(expression: str) -> bool:
    """A rough look: quotes closed, brackets in pairs, not empty."""
    outside = "".join(expression.split('"')[::2])
    pairs = {")": "(", "}": "{"}
    open_ones: list[str] = []
    for character in outside:
        if character in "({":
            open_ones.append(character)
        elif character in pairs and (not open_ones or open_ones.pop() != pairs[character]):
            return False
    return not open_ones and expression.count('"') % 2 == 0 and bool(expression.strip())


def _cache_problems(parameters: Mapping[str, Any]) -> list[tuple[int, str]]:
    if not parameters:
        return [(20106, "action parameters are required for the set_cache_settings action")]
    problems: list[tuple[int, str]] = []
    for key, modes in _TTL_MODES.items():
        if key not in parameters:
            continue
        ttl = cast("Row", parameters[key])
        mode, default = ttl.get("mode"), ttl.get("default")
        if mode not in modes:
            problems.append((20092, f"'{mode}' is not a valid value for {key} mode"))
        if (mode == "override_origin") != (default is not None):
            problems.append((20093, f"{key} default belongs to mode override_origin alone"))
        elif key == "edge_ttl" and default is not None and default < LEAST_EDGE_TTL:
            problems.append((20094, f"{key} default is below the plan's least {LEAST_EDGE_TTL}"))
    return problems
