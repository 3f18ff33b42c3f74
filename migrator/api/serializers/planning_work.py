"""People, dependencies and effort as JSON."""

from typing import Any

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.api.serializers.planning_scope import of_our_days, why
from migrator.planning.models import EffortSource


class CapacitySerializer(StrictSerializer):
    """How many people a team has, from a day until the next one that says otherwise."""

    id = serializers.IntegerField(read_only=True)
    team = serializers.CharField(max_length=100, source="team.name")
    since = serializers.DateField(validators=[of_our_days])
    people = serializers.FloatField(help_text="Halves are possible; 0 is nobody.")
    set_by = serializers.CharField(read_only=True)
    reason = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")


class DependencySerializer(StrictSerializer):
    """One unit waits until another is done."""

    id = serializers.IntegerField(read_only=True)
    unit = serializers.IntegerField(source="unit_id", min_value=1, max_value=2**63 - 1, help_text="Who waits.")
    unit_key = serializers.CharField(source="unit.key", read_only=True)
    needs = serializers.IntegerField(source="needs_id", min_value=1, max_value=2**63 - 1, help_text="For what.")
    needs_key = serializers.CharField(source="needs.key", read_only=True)
    set_by = serializers.CharField(read_only=True)
    set_at = serializers.DateTimeField(read_only=True)
    reason = why(write_only=True)


class EffortSerializer(serializers.Serializer[Any]):
    """How much work one unit is."""

    unit = serializers.IntegerField(source="unit_id")
    key = serializers.CharField(source="unit.key")
    points = serializers.FloatField()
    source = serializers.ChoiceField(choices=EffortSource.choices)  # type: ignore[assignment]
    lines = serializers.IntegerField(allow_null=True)
    set_by = serializers.CharField()
    set_at = serializers.DateTimeField()


class SetEffortSerializer(StrictSerializer):
    """Points of units, by their ids or keys. They mean something within one project only."""

    points = serializers.DictField(
        child=serializers.FloatField(), allow_empty=False, help_text='{"41": 3, "GET /users/{id}": 5}'
    )
    reason = why()


class EffortSetSerializer(serializers.Serializer[Any]):
    changed = serializers.IntegerField(help_text="How many units have other points than before.")
