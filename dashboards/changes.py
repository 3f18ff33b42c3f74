"""The ledger as people read it: what one press changed in many units is one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from migrator.rollout.queries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One press: the same change of one or more units, in one version."""

    entry: Entry
    """The first of them, which speaks for all."""
    entries: tuple[Entry, ...]

    @property
    def others(self) -> int:
        return len(self.entries) - 1


def acts(entries: Iterable[Entry]) -> list[Act]:
    """Entries, newest first, with neighbours of one press laid together."""
    pressed = (tuple(group) for _, group in groupby(entries, key=_press))
    return [Act(entry=group[0], entries=group) for group in pressed]


def _press(entry: Entry) -> object:
    return entry.version, entry.actor, entry.before, entry.after, entry.reason
