"""What removal must prove, unit by unit, and what can be deleted today."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import QuerySet

from migrator.core.gate import Pass
from migrator.core.policy import Policy
from migrator.core.stages import Stage
from migrator.gates.layers import policies_of
from migrator.inventory.models import Project, Service, Source, Unit
from migrator.removal.checklist import Gear, gear_of
from migrator.removal.code import Sighting, newest_scans, sightings_of
from migrator.removal.models import Reference, Reopening, Repository
from migrator.removal.proof import LABEL, REFERENCES, TEAR_DOWN, TRAFFIC, Part, Proof, proof_from
from migrator.removal.quiet import Quiet, quiet_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One unit with everything its proof rests on."""

    unit: Unit
    service: Service
    policy: Policy
    quiet: Quiet
    sighting: Sighting
    gear: Gear
    proof: Proof


def proof_of(*, units: Sequence[Unit], now: datetime) -> dict[int, Proof]:
    """Whether legacy's code of each unit may be deleted, by unit id: a dozen queries, however many units there are."""
    return {pk: case.proof for pk, case in cases_of(units=units, now=now).items()}


def cases_of(*, units: Sequence[Unit], now: datetime) -> dict[int, Case]:
    """The same with what it rests on. Units keep their order."""
    if not units:
        return {}
    policies = policies_of(units=units)
    services = Service.objects.in_bulk({unit.service_id for unit in units})
    slugs = dict(Project.objects.filter(pk__in={unit.project_id for unit in units}).values_list("pk", "slug"))
    quiet = quiet_of(units=units, policies=policies, now=now)
    days = {pk: policy.removal_days for pk, policy in policies.items()}
    sightings, gear = sightings_of(units=units, days=days, now=now), gear_of(units=units)
    return {
        unit.pk: Case(
            unit=unit,
            service=services[unit.service_id],
            policy=policies[unit.pk],
            quiet=quiet[unit.pk],
            sighting=sightings[unit.pk],
            gear=gear[unit.pk],
            proof=proof_from(
                _traffic(quiet[unit.pk], f"/p/{slugs[unit.project_id]}/units/{unit.pk}"),
                _references(sightings[unit.pk], _place(slugs, unit, "references"), days[unit.pk]),
                _label(unit, services[unit.service_id], _place(slugs, unit, "label")),
                _tear_down(gear[unit.pk], _place(slugs, unit, "tear-down")),
            ),
        )
        for unit in units
    }


def deletable(*, project: Project, now: datetime) -> list[Unit]:
    """The units in removal whose proof is complete: what can be deleted today, by key."""
    units = list(in_removal(project=project))
    proofs = proof_of(units=units, now=now)
    return [unit for unit in units if proofs[unit.pk].complete]


def in_removal(*, project: Project) -> "list[Unit]":
    """The units of a project that are being taken out of legacy, by key."""
    units = Unit.objects.tracked().filter(project=project, stage=Stage.REMOVAL)
    return list(units.select_related("service", "team"))


def reopened(*, project: Project, limit: int | None = None) -> list[Reopening]:
    """Removed units to which something returned, the newest first."""
    return list(_standing(project).select_related("unit", "unit__service", "unit__team")[:limit])


def count_reopened(*, project: Project) -> int:
    """How many removed units something returned to."""
    return _standing(project).count()


def why_reopened(*, units: Sequence[Unit]) -> dict[int, str]:
    """What returned to each of these units, by unit id. Units that nothing returned to are left out."""
    standing = Reopening.objects.standing().filter(unit__in=[unit.pk for unit in units])
    return dict(standing.order_by().values_list("unit_id", "why"))


def _standing(project: Project) -> QuerySet[Reopening]:
    return Reopening.objects.standing().filter(unit__project=project)


def references_to(*, unit: Unit, limit: int | None = None) -> list[Reference]:
    """The lines that the newest scans of the required repositories found, by repository and place."""
    repositories = list(Repository.objects.filter(project_id=unit.project_id, required=True))
    scans = [scan.pk for scan in newest_scans(repositories)]
    rows = Reference.objects.filter(unit=unit, scan_id__in=scans).select_related("scan__repository")
    return list(rows.defer("scan__looked_for").order_by("scan__repository__name", "path", "line")[:limit])


def _place(slugs: dict[int, str], unit: Unit, part: str) -> str:
    return f"/p/{slugs[unit.project_id]}/removal/{unit.pk}#{part}"


def _traffic(quiet: Quiet, link: str) -> Part:
    needed = _count(quiet.days_needed, "day")
    unknown = ""
    if quiet.unknown_days:
        one = quiet.unknown_days == 1
        unknown = f" {_count(quiet.unknown_days, 'day')} without whole reports {'does' if one else 'do'} not count."
    if not quiet.suffices:
        result = Pass.FAIL if quiet.last_call_at else Pass.NO_DATA
        called = f"Legacy was called {_count(quiet.calls, 'time')}, last {_moment(quiet.last_call_at)}; quiet since for"
        sentence = f"{called if quiet.last_call_at else 'Legacy is quiet for'} {quiet.days} of {needed}.{unknown}"
    elif not quiet.received:
        result, sentence = Pass.PASS, f"No request at all in {_count(quiet.days, 'day')}: neither side is called."
    else:
        result, sentence = Pass.PASS, f"Legacy was not called for {_count(quiet.days, 'day')}; {needed} are demanded."
    return Part(name=TRAFFIC, result=result, sentence=sentence, link=link)


def _references(sighting: Sighting, link: str, days: int) -> Part:
    result, sentence = Pass.NO_DATA, ""
    if sighting.references:
        places = ", ".join(
            f"{name} at {sighting.commits[name][:12]} ({count})" for name, count in sighting.references.items()
        )
        result = Pass.FAIL
        sentence = f"{_count(sighting.total, 'line')} of code still {_names(sighting.total)} it: {places}."
    elif not sighting.repositories:
        sentence = "No repository is registered: nobody has looked for references."
    elif sighting.unscanned:
        sentence = f"Not scanned yet on its branch: {_list(sighting.unscanned)}."
    elif sighting.unaware:
        sentence = f"The newest scan did not look for it, or not for all of its names: {_list(sighting.unaware)}."
    elif sighting.stale:
        sentence = f"The newest scan is older than {_count(days, 'day')}: {_list(sighting.stale)}."
    else:
        commits = _list(tuple(f"{name} at {commit[:12]}" for name, commit in sighting.commits.items()))
        result, sentence = Pass.PASS, f"No line of code names it: {commits}."
    return Part(name=REFERENCES, result=result, sentence=sentence, link=link)


def _label(unit: Unit, service: Service, link: str) -> Part:
    read_at, begun = service.spec_imported_at, unit.stage_since or unit.added_at
    if unit.label:
        result, sentence = Pass.FAIL, f"The schema of {service.name} still marks it: {unit.label}."
    elif read_at is None and unit.source != Source.SPEC:
        result, sentence = Pass.PASS, f"No spec of {service.name} is used: nothing there can mark it."
    elif read_at is not None and read_at >= begun:
        result, sentence = Pass.PASS, f"The spec of {service.name}, read {_moment(read_at)}, marks it no longer."
    else:
        before = f"last read {_moment(read_at)}, before this stage began" if read_at else "not read since we keep count"
        result, sentence = Pass.NO_DATA, f"The spec of {service.name} was {before}: import it once more."
    return Part(name=LABEL, result=result, sentence=sentence, link=link)


def _tear_down(gear: Gear, link: str) -> Part:
    hanging = [
        "it is still mirrored" if gear.mirrored else "",
        "it is still declared to write to sister datastores" if gear.sister else "",
        f"{_count(gear.rules, 'rule')} of its own {'is' if gear.rules == 1 else 'are'} in force" if gear.rules else "",
    ]
    if left := [each for each in hanging if each]:
        return Part(name=TEAR_DOWN, result=Pass.FAIL, sentence=f"Not torn down: {'; '.join(left)}.", link=link)
    if gear.missing:
        open_items = " ".join(tick.item.sentence for tick in gear.missing)
        return Part(name=TEAR_DOWN, result=Pass.NO_DATA, sentence=f"Nobody has said yet: {open_items}", link=link)
    said = sorted({tick.done_by for tick in gear.ticks})
    by = f", as {_list(tuple(said))} said" if said else ": no mirror, no sister datastore, no rule is left"
    return Part(name=TEAR_DOWN, result=Pass.PASS, sentence=f"Torn down{by}.", link=link)


def _count(quantity: int, noun: str) -> str:
    return f"{quantity:,} {noun}{'' if quantity == 1 else 's'}"


def _names(quantity: int) -> str:
    return "names" if quantity == 1 else "name"


def _list(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def _moment(at: datetime | None) -> str:
    return "never" if at is None else f"{at.astimezone(UTC):%-d %b %Y, %H:%M} (UTC)"
