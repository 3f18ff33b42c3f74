"""What a spec changes about the units that are tracked already. Pure: nothing is read or written here.

A unit is found by its key, or by its shape where only the names of parameters changed
(`GET /users/{id}`, `GET /users/{user_id}`): it is the same traffic, so it keeps its stage and its evidence.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from migrator.inventory.importers.spec import Format, UnitSpec, shape_of

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A unit as the inventory has it."""

    id: int
    key: str
    kind: str
    service_id: int
    parent_id: int | None
    description: str
    label: str
    runbook: str
    irreversible: bool
    writes: bool
    from_spec: bool
    """It came from a spec: a spec without it takes it off the list."""
    gone: bool
    contested_by_id: int | None
    answers_callers: bool
    """The candidate answers some of its callers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A tracked unit and what the spec says of it now."""

    known: Known
    spec: UnitSpec
    rerouted: bool
    """Data planes must hear of it. A new description is nothing to them."""

    @property
    def runbook(self) -> str:
        """What a document does not say stays as people set it."""
        return self.spec.runbook or self.known.runbook

    @property
    def irreversible(self) -> bool:
        """The same; and what people said to be a read stays reversible, whatever a document says."""
        said = self.spec.irreversible
        return self.known.irreversible if said is None or not self.known.writes else said

    @property
    def declares(self) -> bool:
        """Whether it says of the unit what was not known yet."""
        known = self.known
        return (self.runbook, self.irreversible) != (known.runbook, known.irreversible)


@dataclass(slots=True)
class Plan:
    """What is to be written so that the inventory says what the specs say."""

    added: list[UnitSpec] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: list[Known] = field(default_factory=list)
    gone: list[Known] = field(default_factory=list)
    cleared: list[Known] = field(default_factory=list)
    """The specs no longer name them, so that nothing there marks them as migrating."""
    kept: list[Known] = field(default_factory=list)
    """Gone from the spec, but the candidate answers callers: tracked on, so that it can be rolled back."""
    contested: list[UnitSpec] = field(default_factory=list)
    """Another service owns them, and stays their owner."""
    newly_contested: list[Known] = field(default_factory=list)
    settled: list[Known] = field(default_factory=list)
    """No longer contested by this service."""
    ids: dict[str, int] = field(default_factory=dict)
    """Key in the spec -> id of the tracked unit. New units join when they are written."""

    @property
    def reroutes(self) -> bool:
        """Whether data planes must hear of this import."""
        return (
            bool(self.gone)
            or any(unit.kind == "endpoint" for unit in self.added)
            or any(change.rerouted for change in self.changed)
        )


def reconcile(
    *, known: Collection[Known], wanted: Mapping[str, UnitSpec], service_id: int | None, formats: Collection[Format]
) -> Plan:
    """Hold the units of a service's specs (`wanted`, by key) against all units of its project (`known`).

    `service_id` is None for a service that is yet to be created. Only units whose key is of one of
    `formats` can be gone.
    """
    plan = Plan()
    matches = match(known=known, wanted=wanted)
    plan.ids = {key: unit.id for key, unit in matches.items()}
    foreign = {key for key, unit in matches.items() if unit.service_id != service_id}
    for key, spec in wanted.items():
        unit = matches.get(key)
        if key in foreign or spec.parent_key in foreign:
            plan.contested.append(spec)
        elif unit is None:
            plan.added.append(spec)
        else:
            _compare(unit, spec, plan)
    matched = {unit.id for unit in matches.values()}
    for unit in known:
        if unit.id not in matched and _is_missing(unit, service_id, formats):
            (plan.kept if unit.answers_callers else plan.gone).append(unit)
        if unit.id not in matched and unit.label and _is_theirs(unit, service_id, formats):
            plan.cleared.append(unit)
    _contest(known, {plan.ids[key] for key in foreign}, service_id, plan)
    return plan


def _contest(known: Iterable[Known], contested: Collection[int], service_id: int | None, plan: Plan) -> None:
    """Whose units this service claims since this import, and whose no longer."""
    for unit in known:
        if unit.id in contested and unit.contested_by_id != service_id:
            plan.newly_contested.append(unit)
        elif unit.id not in contested and unit.contested_by_id is not None and unit.contested_by_id == service_id:
            plan.settled.append(unit)


def match(*, known: Iterable[Known], wanted: Mapping[str, UnitSpec]) -> dict[str, Known]:
    """Key in the spec -> the tracked unit that it means: by key, else by shape where that leaves no doubt."""
    by_key = {unit.key: unit for unit in known}
    matches = {key: by_key[key] for key in wanted if key in by_key}
    free = _by_shape((unit for key, unit in by_key.items() if key not in wanted), lambda unit: unit.key)
    new = _by_shape((key for key in wanted if key not in by_key), lambda key: key)
    for shape, keys in new.items():
        if len(keys) == len(free.get(shape, ())) == 1:
            matches[keys[0]] = free[shape][0]
    return matches


def _by_shape(things: Iterable[T], key_of: Callable[[T], str]) -> dict[str, list[T]]:
    grouped: dict[str, list[T]] = {}
    for thing in things:
        if "{" in key_of(thing):
            grouped.setdefault(shape_of(key_of(thing)), []).append(thing)
    return grouped


def _compare(unit: Known, spec: UnitSpec, plan: Plan) -> None:
    parent_id = plan.ids.get(spec.parent_key) if spec.parent_key else None
    adopted = spec.parent_key is not None and unit.parent_id != parent_id
    rerouted = unit.gone or adopted or (unit.key, unit.kind) != (spec.key, spec.kind)
    described = bool(spec.description) and unit.from_spec and unit.description != spec.description
    change = Change(known=unit, spec=spec, rerouted=rerouted)
    if rerouted or described or unit.label != spec.label or change.declares:
        plan.changed.append(change)
    else:
        plan.unchanged.append(unit)


def _is_missing(unit: Known, service_id: int | None, formats: Collection[Format]) -> bool:
    """Whether a unit that the specs do not name should have been named by them."""
    return unit.from_spec and not unit.gone and _is_theirs(unit, service_id, formats)


def _is_theirs(unit: Known, service_id: int | None, formats: Collection[Format]) -> bool:
    """Whether specs of these formats speak for the unit."""
    format_of_key = Format.OPENAPI if " " in unit.key else Format.GRAPHQL
    return unit.service_id == service_id and format_of_key in formats
