"""Phases, milestones and baselines as JSON."""

from datetime import date
from typing import Any

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.api.times import EARLIEST, LATEST
from migrator.core.stages import Stage
from migrator.inventory.models import Kind
from migrator.inventory.queries import Wanted
from migrator.planning.models import DONE_STAGES

DONE = [stage.value for stage in DONE_STAGES]


def of_our_days(day: date) -> None:
    if not EARLIEST.date() <= day <= LATEST.date():
        raise serializers.ValidationError("A day lies between the years 2000 and 2100.")


def why(**options: Any) -> serializers.CharField:
    """Why something is changed: the ledger keeps it."""
    return serializers.CharField(
        max_length=1_000, required=False, allow_blank=True, default="", help_text="The ledger keeps it.", **options
    )


class PhaseSerializer(StrictSerializer):
    """A part of the migration with a scope and a deadline of its own."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=100)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True, default="")
    position = serializers.IntegerField(
        min_value=0, max_value=32_767, required=False, help_text="Phases stand in this order; a new one stands last."
    )
    deadline = serializers.DateField(allow_null=True, required=False, default=None, validators=[of_our_days])
    done_at = serializers.ChoiceField(choices=DONE, default=Stage.CUTOVER.value, help_text="What is done.")
    units = serializers.IntegerField(read_only=True, help_text="Tracked units in it now.")
    reason = why(write_only=True)


class AssignSerializer(StrictSerializer):
    """Which units: their ids, or the filter of the list of units; `all` where every unit is meant."""

    units = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        allow_empty=False,
        help_text="Their ids. An endpoint takes the fields along that are in its phase, or in none.",
    )
    search = serializers.CharField(max_length=500, required=False, help_text="Part of the key.")
    service = serializers.CharField(max_length=100, required=False)
    team = serializers.CharField(max_length=100, required=False)
    stage = serializers.ChoiceField(choices=[stage.value for stage in Stage], required=False)
    kind = serializers.ChoiceField(choices=Kind.choices, required=False)
    all = serializers.BooleanField(default=False)
    take_out = serializers.BooleanField(default=False, help_text="Out of this phase, instead of into it.")
    reason = why()

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        filters = attrs.keys() & {"search", "service", "team", "stage", "kind"}
        if bool("units" in attrs) + bool(filters) + attrs["all"] != 1:
            raise serializers.ValidationError("Name units by id, or a filter, or all: one of the three.")
        return attrs

    @property
    def wanted(self) -> Wanted:
        data = self.validated_data
        return Wanted(**{name: data.get(name, "") for name in ("search", "service", "team", "stage", "kind")})


class AssignedSerializer(serializers.Serializer[Any]):
    """What an assignment did. Doing it again does nothing more."""

    added = serializers.IntegerField()
    removed = serializers.IntegerField(help_text="How many left the phase that they were in.")
    already = serializers.IntegerField()


class MilestoneSerializer(StrictSerializer):
    """By then a share of a phase's, a service's or a team's units is done."""

    id = serializers.IntegerField(read_only=True)
    name = serializers.CharField(max_length=200)
    due = serializers.DateField(validators=[of_our_days])
    share = serializers.FloatField(default=1.0, help_text="Above 0, at most 1: all of the units.")
    phase = serializers.CharField(max_length=100, source="phase.name", required=False, allow_null=True, default=None)
    service = serializers.CharField(
        max_length=100, source="service.name", required=False, allow_null=True, default=None
    )
    team = serializers.CharField(max_length=100, source="team.name", required=False, allow_null=True, default=None)
    set_by = serializers.CharField(read_only=True)
    set_at = serializers.DateTimeField(read_only=True)
    reason = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")


class BaselineSerializer(StrictSerializer):
    """What was promised on one day. A second one says why."""

    id = serializers.IntegerField(read_only=True)
    phase = serializers.CharField(max_length=100, source="phase.name", required=False, allow_null=True, default=None)
    at = serializers.DateTimeField(read_only=True)
    set_by = serializers.CharField(read_only=True)
    reason = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")
    scope = serializers.IntegerField(read_only=True)
    done = serializers.IntegerField(read_only=True)
    deadline = serializers.DateField(read_only=True, allow_null=True)
    p50 = serializers.DateField(read_only=True, allow_null=True)
    p85 = serializers.DateField(read_only=True, allow_null=True)
