"""All rules of a table, handed out per endpoint.

A data plane must go on comparing whatever rules it is sent: one that it cannot understand, because a
newer control plane knows more, is left out and said, not fatal.
"""

from collections.abc import Collection, Iterable
from typing import Final

from migrator.core.paths import PathRefused
from migrator.core.rules import NO_RULES, RuleRefused, Rules, compile_rules, in_scope, ready
from migrator.core.wire import RuleSpec

UNITS_KEPT: Final = 10_000
"""Endpoints whose rules are remembered."""


class Rulebook:
    """The rules of one routing table."""

    def __init__(self, specs: Iterable[RuleSpec] = ()) -> None:
        self.refused: dict[int, str] = {}
        """Rules that are left out, and why."""
        self._specs = [spec for spec in specs if self._understood(spec)]
        self._of_units: dict[int, Rules] = {}
        self._sets: dict[tuple[int, ...], Rules] = {}
        """Compiled once for all endpoints for which the same rules are meant, which are most of them."""

    def rules(self, *, unit: int, fields: Iterable[int], service: str, now: float) -> Rules:
        """The rules in force for an endpoint and its fields. `now` in seconds since the epoch."""
        if not self._specs:
            return NO_RULES
        rules = self._of_units.get(unit)
        if rules is None or (rules.until is not None and rules.until <= now):
            if len(self._of_units) >= UNITS_KEPT:
                self._of_units.clear()
            rules = self._of_units[unit] = self._combined({unit, *fields}, service, now)
        return rules

    def forget_units(self) -> None:
        """Endpoints may have other fields now. What is compiled stays."""
        self._of_units = {}

    def _combined(self, units: Collection[int], service: str, now: float) -> Rules:
        meant = [spec for spec in self._specs if in_scope(spec, units, service)]
        key = tuple(spec.id for spec in meant)
        rules = self._sets.get(key)
        if rules is None or (rules.until is not None and rules.until <= now):
            rules = self._sets[key] = compile_rules(meant, now=now)
        return rules

    def _understood(self, spec: RuleSpec) -> bool:
        try:
            ready(spec)
        except (PathRefused, RuleRefused) as refusal:
            self.refused[spec.id] = str(refusal)
        return spec.id not in self.refused
