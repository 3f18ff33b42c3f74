"""Filters of lists, as query parameters."""

from datetime import datetime
from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.rest_framework import FilterSet

from migrator.access.models import Approval, ApprovalState
from migrator.api.times import EARLIEST, LATEST
from migrator.core.policy import FourEyes
from migrator.core.stages import Operation, Stage
from migrator.core.wire import RuleKind
from migrator.inventory.models import Kind, Unit
from migrator.ledger.models import Entry as Link
from migrator.ledger.models import Kind as LinkKind
from migrator.observations.models import Rule
from migrator.rollout.models import Flip, Freeze, Ramp, RampState
from migrator.telling.models import Event, Message, Severity


def one_of(values: Any, **options: Any) -> django_filters.ChoiceFilter:
    """A filter that answers an unknown value with the known ones."""
    known = [str(value) for value in values]
    words = {"invalid_choice": f"'%(value)s' is not known here. Known: {', '.join(known)}."}
    return django_filters.ChoiceFilter(choices=[(value, value) for value in known], error_messages=words, **options)


def of_our_times(moment: datetime) -> None:
    """Years that no clock shows overflow in arithmetic with zones."""
    if not EARLIEST <= moment <= LATEST:
        raise ValidationError("A time lies between the years 2000 and 2100.")


class IdFilter(django_filters.Filter):  # type: ignore[misc]
    """The id of a row: a whole number that the database can hold."""

    field_class = forms.IntegerField

    def __init__(self, **options: Any) -> None:
        super().__init__(min_value=1, max_value=2**63 - 1, **options)


class UnitFilter(FilterSet):  # type: ignore[misc]
    """Units by what people look for."""

    search = django_filters.CharFilter(field_name="key", lookup_expr="icontains", label="Part of the key.")
    kind = one_of(Kind.values)
    stage = one_of(Stage)
    operation = one_of(Operation)
    service = django_filters.CharFilter(field_name="service__name", label="A service's name.")
    team = django_filters.CharFilter(field_name="team__name", label="A team's name.")
    parent = IdFilter(field_name="parent_id", label="Id of the endpoint whose fields are wanted.")
    irreversible = django_filters.BooleanFilter(label="Writes that no rollback takes back.")
    gone = django_filters.BooleanFilter(method="filter_gone", label="Units that are tracked no longer.")

    class Meta:
        model = Unit
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Only tracked units, unless asked otherwise."""
        found: QuerySet[Any] = super().filter_queryset(queryset)
        return found.filter(gone_at__isnull=True) if self.form.cleaned_data.get("gone") is None else found

    def filter_gone(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return queryset.filter(gone_at__isnull=not value)


class RuleFilter(FilterSet):  # type: ignore[misc]
    """Rules by what they are about. Only those in force, unless asked otherwise."""

    unit = IdFilter(field_name="unit_id", label="Id of a unit.")
    service = django_filters.CharFilter(field_name="service__name", label="A service's name.")
    kind = one_of(RuleKind)
    path = django_filters.CharFilter(lookup_expr="icontains", label="Part of the path.")
    ended = django_filters.BooleanFilter(method="filter_ended", label="Also those that were taken back or expired.")

    class Meta:
        model = Rule
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        found: QuerySet[Any] = super().filter_queryset(queryset)
        if self.form.cleaned_data.get("ended"):
            return found
        return found.filter(revoked_at__isnull=True, expired_at__isnull=True)

    def filter_ended(self, queryset: QuerySet[Any], name: str, value: bool) -> QuerySet[Any]:
        return queryset


class FlipFilter(FilterSet):  # type: ignore[misc]
    """The ledger by unit, actor, direction and time."""

    unit = IdFilter(field_name="unit_id", label="Id of a unit.")
    actor = django_filters.CharFilter(label="Exactly as the ledger shows it.")
    stage = one_of(Stage, field_name="to_stage", label="Where the flip led.")
    direction = one_of(["forward", "sideways", "back"])
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", validators=[of_our_times])
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", validators=[of_our_times])

    class Meta:
        model = Flip
        fields: tuple[str, ...] = ()


class LinkFilter(FilterSet):  # type: ignore[misc]
    """Links of the ledger's chain by kind, unit, actor and time."""

    kind = one_of(LinkKind.values)
    unit = IdFilter(field_name="unit_id", label="Id of a unit.")
    actor = django_filters.CharFilter(label="Exactly as the ledger shows it.")
    since = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="gte", validators=[of_our_times])
    until = django_filters.IsoDateTimeFilter(field_name="at", lookup_expr="lt", validators=[of_our_times])

    class Meta:
        model = Link
        fields: tuple[str, ...] = ()


class MessageFilter(FilterSet):  # type: ignore[misc]
    """What was told, by what it is about."""

    unit = IdFilter(field_name="unit_id", label="Id of a unit.")
    event = one_of(Event.values)
    severity = one_of(Severity.values)
    key = django_filters.CharFilter(label="The matter.")

    class Meta:
        model = Message
        fields: tuple[str, ...] = ()


class RampFilter(FilterSet):  # type: ignore[misc]
    """Ramps: those that have not ended, unless asked otherwise."""

    state = one_of(
        [*RampState.values, "open", "all"], method="filter_state", label="`open` is usual; `all` is every one."
    )
    search = django_filters.CharFilter(field_name="unit__key", lookup_expr="icontains", label="Part of the unit's key.")
    unit = IdFilter(field_name="unit_id", label="A unit's id.")

    class Meta:
        model = Ramp
        fields: tuple[str, ...] = ()

    def filter_queryset(self, queryset: QuerySet[Ramp]) -> QuerySet[Ramp]:
        found: QuerySet[Ramp] = super().filter_queryset(queryset)
        return found if self.form.cleaned_data.get("state") else found.filter(ended_at__isnull=True)

    def filter_state(self, queryset: QuerySet[Ramp], name: str, value: str) -> QuerySet[Ramp]:
        if value == "all":
            return queryset
        return queryset.filter(ended_at__isnull=True) if value == "open" else queryset.filter(state=value)


class ApprovalFilter(FilterSet):  # type: ignore[misc]
    """Approvals by what became of them, and what they are about."""

    state = one_of(ApprovalState.values)
    subject = one_of(FourEyes)
    unit = IdFilter(field_name="unit_id", label="A unit's id.")

    class Meta:
        model = Approval
        fields: tuple[str, ...] = ()


class FreezeFilter(FilterSet):  # type: ignore[misc]
    """Freezes: all of them, unless asked otherwise."""

    standing = django_filters.BooleanFilter(method="filter_standing", label="Only those that are not over yet.")
    unit = IdFilter(field_name="unit_id", label="A unit's id.")
    service = django_filters.CharFilter(field_name="service__name", label="A service's name.")

    class Meta:
        model = Freeze
        fields: tuple[str, ...] = ()

    def filter_standing(self, queryset: QuerySet[Freeze], name: str, value: bool) -> QuerySet[Freeze]:
        over = Q(lifted_at__isnull=False) | Q(ends_at__lte=timezone.now())
        return queryset.exclude(over) if value else queryset.filter(over)
