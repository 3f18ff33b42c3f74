"""Which moves belong to a slice: those of the units that are its own today, or of those that were its own then."""

from django.db.models import BigIntegerField, Case, Exists, F, OuterRef, Q, QuerySet, Subquery, When

from migrator.inventory.models import Project, TagChange
from migrator.planning.queries.slices import Slice, Tagged, ids
from migrator.rollout.models import Flip


def flips_of(*, project: Project, units: Slice) -> QuerySet[Flip]:
    """The flips that the burn-up of the same slice counts."""
    flips = Flip.objects.filter(project=project)
    if units.tagged is Tagged.NOW or not units.by_tags:
        return flips.filter(units.of_units(project, "unit__"))
    return _of_phase_then(flips, project, units) if units.phase else _of_tags_then(flips, project, units)


def _of_phase_then(flips: QuerySet[Flip], project: Project, units: Slice) -> QuerySet[Flip]:
    """Flips of units while they were in the phase; by service and team as today, as the burn-up takes it."""
    phases = ids(project.phases.filter(name=units.phase))
    here = Q(unit__phases__removed_at__isnull=True) | Q(unit__phases__removed_at__gte=F("at"))
    inside = Q(unit__phases__phase__in=phases, unit__phases__added_at__lt=F("at"))
    tags = Slice(kind=units.kind, service=units.service, team=units.team)
    return flips.filter(here & inside & tags.of_units(project, "unit__"))


def _of_tags_then(flips: QuerySet[Flip], project: Project, units: Slice) -> QuerySet[Flip]:
    """What a unit was before its first change after the flip, else what it is: as the days are counted (counting)."""
    later = TagChange.objects.filter(unit=OuterRef("unit"), at__gt=OuterRef("at")).order_by("at", "pk")

    def then(tag: str) -> Case:
        before = Subquery(later.values(f"{tag}_before")[:1])
        return Case(When(Exists(later), then=before), default=F(f"unit__{tag}_id"), output_field=BigIntegerField())

    flips = flips.filter(Slice(kind=units.kind).of_units(project, "unit__"))
    if units.service:
        flips = flips.annotate(service_then=then("service")).filter(service_then__in=units.services(project))
    if units.team:
        flips = flips.annotate(team_then=then("team")).filter(team_then__in=units.teams(project))
    return flips
