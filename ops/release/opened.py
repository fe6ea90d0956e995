"""A stack that is opened for a command that changes what is live."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

from localcloud.home import Home
from ops import converge, lock, server_lock
from ops.release import recovery, stale
from ops.release.site import Site
from ops.state.keeping import keep_or_warn
from ops.target import Target


@contextmanager
def opened(stack: str, *, local: bool, what: str) -> Generator[Site]:
    """The stack, locked and put right after whatever was killed before."""
    target = Target.of(stack, local=local)
    with ExitStack() as kept:
        kept.enter_context(lock.held(Home.from_environment().locks, stack, what))
        site = Site.open(target)
        kept.enter_context(server_lock.held(site.outputs, stack, what))
        converge.recover(site.stack, target)
        recovery.mend(stack)
        unsettled = recovery.unsettled(recovery.RECEIPTS, stack)
        stale.refuse(site.ledger, site.outputs, stack, unsettled)
        if unsettled:
            site.apply(site.ledger, "recover")
        try:
            yield site
        except BaseException:
            # Also Ctrl-C: the receipt says what is live, and no new slot stays in the ledger.
            # A disk that is full must not hide the error; then the next command does it.
            with suppress(OSError):
                recovery.mend(stack)
            raise
        keep_or_warn(site.stack, target)
