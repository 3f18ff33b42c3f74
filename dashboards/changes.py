"""The ledger as people read it: what one press changed in many units is one line."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from migrator.rollout.queries import Entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One press: the same change of one or more units, in one version."""

    entries: tuple[Entry, ...]
    """In the order of their keys: an endpoint before its fields."""
    newest: Entry
    """The last that was written, by which the act is found."""

    @property
    def entry(self) -> Entry:
        """The one that speaks for all."""
        return self.entries[0]

    @property
    def others(self) -> int:
        return len(self.entries) - 1

    @property
    def is_family(self) -> bool:
        """Whether it is an endpoint with nothing but fields of its answer."""
        return all(other.unit_key.startswith(f"{self.entry.unit_key} ") for other in self.entries[1:])


def acts(entries: Iterable[Entry]) -> list[Act]:
    """Entries, newest first, with neighbours of one press laid together."""
    pressed = (tuple(group) for _, group in groupby(entries, key=_press))
    return [Act(entries=tuple(sorted(group, key=lambda each: each.unit_key)), newest=group[0]) for group in pressed]


def _press(entry: Entry) -> object:
    return entry.version, entry.actor, entry.before, entry.after, entry.reason
