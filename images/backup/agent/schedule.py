"""When something is to be done: each day or each week at a time, and again when it failed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from .journal import Attempt
from .process import AgentError

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
RETRY = timedelta(hours=1)
_SLOT = re.compile(rf"(?:({'|'.join(DAYS)}) )?([01][0-9]|2[0-3]):([0-5][0-9])")


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A time of each day, or of one day of the week (Monday is 0), UTC."""

    hour: int
    minute: int
    weekday: int | None = None

    @classmethod
    def read(cls, text: str) -> Slot:
        """Read `02:00` or `Sun 04:00`; raises `AgentError`."""
        found = _SLOT.fullmatch(text)
        if found is None:
            raise AgentError(f"{text!r} is no time: write 02:00, or Sun 04:00")
        day, hour, minute = found.groups()
        return cls(hour=int(hour), minute=int(minute), weekday=DAYS.index(day) if day else None)

    def latest(self, now: datetime) -> datetime:
        """The last one that is not after `now`."""
        found = now.replace(hour=self.hour, minute=self.minute, second=0, microsecond=0)
        if self.weekday is not None:
            found -= timedelta(days=(now.weekday() - self.weekday) % 7)
        return found if found <= now else found - self._period

    def due(self, now: datetime, last: Attempt | None, since: datetime) -> datetime:
        """When it is to be done next; not after `now` when it is time.

        What was missed while nobody ran is due at once, but once only, and nothing is that was
        due before `since`, when the agent ran for the first time. What could not be done is tried
        again an hour later.
        """
        slot = self.latest(now)
        began = last.started if last else since
        if began < slot:
            return slot
        following = slot + self._period
        if last and not last.done:
            return min(last.ended + RETRY, following)
        return following

    @property
    def _period(self) -> timedelta:
        return timedelta(days=1 if self.weekday is None else 7)
