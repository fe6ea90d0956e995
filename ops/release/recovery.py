"""After a kill: what a release left behind is put right, and its receipt says so."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from catalog import InvalidInputError, load_catalog
from ops import console
from ops.failures import InvalidInput
from ops.release import ledger as ledgers
from ops.release import receipt
from ops.release.receipt import Outcome, Receipt
from ops.target import ROOT
from stacks.ledger import Ledger, load_ledger

RECEIPTS = ROOT / "receipts"
# The step of a rollback that fills slots. What it was killed in may never get healthy.
START_EARLIER = "start the earlier versions"


def ledger_file(stack: str) -> Path:
    """The stack's ledger in the tree."""
    return ROOT / "releases" / f"{stack}.yaml"


def read(stack: str) -> Ledger:
    """The stack's ledger; raises `InvalidInput` with everything that is wrong with it."""
    services = [service.name for service in load_catalog().slotted]
    try:
        return load_ledger(ledger_file(stack), services)
    except InvalidInputError as error:
        raise InvalidInput([str(problem) for problem in error.problems]) from error


def mend(stack: str) -> None:
    """Put the stack's ledger right after releases that were killed; only with the stack's lock."""
    ledger = read(stack)
    mended = recovered(RECEIPTS, stack, ledger)
    if mended != ledger:
        ledgers.write(ledger_file(stack), mended)


def unsettled(folder: Path, stack: str) -> frozenset[str]:
    """The services that may not be what the ledger says on the servers, by the newest receipt.

    The ledger is written before the servers are changed. After a flip that was killed or failed,
    the slot that it calls idle may be the one that answers: nothing may be put into it.
    """
    found = receipt.read_all(folder, stack).receipts[:1]
    return frozenset(
        change.service
        for last in found
        if last.outcome in (Outcome.RUNNING, Outcome.INTERRUPTED)
        or (last.outcome is Outcome.FAILED and last.steps[-1:] and last.steps[-1].is_failed)
        for change in last.services
    )


def recovered(folder: Path, stack: str, ledger: Ledger) -> Ledger:
    """The ledger without the new slots of releases that were killed before their switch.

    Only with the stack's lock: then nothing is under way any more. What was switched stays so:
    it was healthy, and a rollback takes it back.
    """
    for found in receipt.read_all(folder, stack).receipts:
        if found.outcome is not Outcome.RUNNING:
            continue
        switched = _switched(found, ledger)
        if not switched:
            ledger = ledgers.retired(ledger, _new_slots(found, ledger))
        state = "its versions are live" if switched else "nothing was switched"
        reason = f"killed during: {found.reason}; {state}"
        receipt.write(folder, _ended(found, reason))
        console.note(f"  recovered: {found.kind} {found.id} was {reason}")
    return ledger


def _switched(found: Receipt, ledger: Ledger) -> bool:
    """A set is switched as a whole, so any of its services tells."""
    return any(
        change.service in ledger.entries and ledger[change.service].live == change.slot_after
        for change in found.services
    )


def _new_slots(found: Receipt, ledger: Ledger) -> dict[str, receipt.Slot]:
    return {
        change.service: change.slot_after
        for change in found.services
        if change.slot_after
        and change.service in ledger.entries
        and (found.kind == "release" or found.reason.startswith(START_EARLIER))
        and ledger[change.service].image(change.slot_after) == change.image_after
    }


def _ended(found: Receipt, reason: str) -> Receipt:
    changed = {"outcome": Outcome.INTERRUPTED, "reason": reason, "ended": datetime.now(UTC)}
    return found.model_copy(update=changed)
