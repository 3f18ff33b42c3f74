"""Endpoints with the fields that their answers carry: who plans the one plans the other along."""

from django.db.models import Exists, OuterRef, Q, QuerySet

from migrator.inventory.models import Unit
from migrator.planning.models import PhaseUnit


def with_fields(*, units: QuerySet[Unit]) -> QuerySet[Unit]:
    """These units, and of the endpoints among them the fields that are in the same phase, or in none.

    A field in another phase than its endpoint's was put there by somebody: it stays. Looked up at once, so that
    what is changed meanwhile does not change the answer.
    """
    named = list(units.order_by().values_list("pk", flat=True))
    standing = PhaseUnit.objects.filter(removed_at__isnull=True)
    of_the_endpoint = standing.filter(unit=OuterRef(OuterRef("parent"))).values("phase")
    elsewhere = standing.filter(unit=OuterRef("pk")).exclude(phase__in=of_the_endpoint)
    fields = Unit.objects.tracked().filter(~Exists(elsewhere), parent__in=named).order_by()
    return Unit.objects.filter(Q(pk__in=named) | Q(pk__in=list(fields.values_list("pk", flat=True))))
