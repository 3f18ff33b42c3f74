"""Rules between the row that keeps them, the words that people send, and what travels to the data planes."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import msgspec

from migrator.core.advice import contradictions, hides_everything
from migrator.core.paths import PathRefused
from migrator.core.rules import RuleRefused
from migrator.core.wire import RuleSpec
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid
from migrator.observations.models import Rule

_COLUMNS: Final = {"id", "kind", "path", "unit", "service", "expires_at", "noise"}
PARAMETERS: Final = tuple(field.name for field in fields(RuleSpec) if field.name not in _COLUMNS)
"""What else a rule may have, by its kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """A rule that somebody thinks of: of a unit, of a service, or with neither of the whole project."""

    kind: str
    path: str
    unit: Unit | None = None
    service: Service | None = None
    parameters: Mapping[str, Any] | None = None


def checked(draft: RuleDraft) -> RuleSpec:
    """The draft as a rule with id 0. Raises Invalid naming the field where it means nothing or hides everything."""
    unknown = set(draft.parameters or {}) - set(PARAMETERS)
    if unknown:
        raise Invalid(sorted(unknown)[0], f"A rule has no {sorted(unknown)[0]!r}. It may have {', '.join(PARAMETERS)}.")
    if draft.unit is not None and draft.service is not None:
        raise Invalid("service", "A rule is for a unit, for a service, or with neither for the project; not for both.")
    given = {"id": 0, "kind": draft.kind, "path": draft.path, **(draft.parameters or {})}
    try:
        spec = msgspec.convert(given | _scope(draft.unit, draft.service), RuleSpec)
        sweeping = hides_everything(spec)
    except msgspec.ValidationError as error:
        field = str(error).rpartition("$.")[2].rstrip("`") if "$." in str(error) else "kind"
        raise Invalid(field, f"{field}: {error}") from None
    except PathRefused as refusal:
        raise Invalid("path", str(refusal)) from None
    except RuleRefused as refusal:
        raise Invalid(refusal.field, refusal.message) from None
    if sweeping is not None:
        raise Invalid("path", f"{sweeping} Name the places that may differ.")
    return spec


def spec_of(rule: Rule) -> RuleSpec:
    """A stored rule as it travels. Needs `service` at hand."""
    return msgspec.convert(
        {
            "id": rule.pk,
            "kind": rule.kind,
            "path": rule.path,
            "expires_at": rule.expires_at.timestamp(),
            **_scope(rule.unit_id, rule.service),
            **rule.parameters,
        },
        RuleSpec,
    )


def specs_of(*, project: Project) -> tuple[RuleSpec, ...]:
    """The rules that are in force, oldest first, as they travel."""
    rows = Rule.objects.active().filter(project=project).select_related("service").order_by("pk")
    return tuple(spec_of(rule) for rule in rows)


def rules_version(*, project: Project) -> int:
    """The number of the table that last changed a rule of the project; 0 where it never had one."""
    newest = Rule.objects.filter(project=project).order_by("-table_version").values_list("table_version", flat=True)
    return newest.first() or 0


def objections(spec: RuleSpec, others: tuple[RuleSpec, ...]) -> list[str]:
    """Why a new rule cannot hold beside those in force, as sentences."""
    return [each.sentence for other in others for each in contradictions([other, spec])]


def stored_parameters(spec: RuleSpec) -> dict[str, Any]:
    """What a rule has beside its columns, as plain JSON; what is as usual is left out."""
    usual = {field.name: field.default for field in fields(RuleSpec)}
    return {name: value for name, value in asdict(spec).items() if name in PARAMETERS and value != usual[name]}


def _scope(unit: Unit | int | None, service: Service | None) -> dict[str, Any]:
    return {
        "unit": unit.pk if isinstance(unit, Unit) else unit,
        "service": None if service is None else service.name,
    }
