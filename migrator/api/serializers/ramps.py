"""Ramps and the guard as JSON. Plans are typed as people type them anywhere: `1, 5, 25, 50, 100, cutover`."""

from typing import Any, Final

from rest_framework import serializers

from migrator.api.fields import PercentField, StrictSerializer
from migrator.core.stages import Stage
from migrator.rollout.models import RampState
from migrator.rollout.ramps import MOST

PLAN: Final = ("steps", "soak", "days", "begin", "end", "zone", "at_once")
WHICH: Final = ("service", "team", "stage", "search")


class NewRampsSerializer(StrictSerializer):
    """Which units shall climb by themselves, and how."""

    units = serializers.ListField(
        child=serializers.IntegerField(min_value=1, max_value=2**63 - 1),
        required=False,
        allow_empty=False,
        max_length=MOST,
        help_text="Ids. Or name them by service, team, stage, search.",
    )
    service = serializers.CharField(required=False, max_length=100)
    team = serializers.CharField(required=False, max_length=100)
    stage = serializers.ChoiceField(required=False, choices=[stage.value for stage in Stage])
    search = serializers.CharField(required=False, max_length=500, help_text="Part of the key.")
    steps = serializers.CharField(
        required=False, max_length=500, help_text="`1, 5, 25, 50, 100` is usual; `cutover` may end it; `5 for 2h`."
    )
    soak = serializers.CharField(
        required=False, max_length=20, help_text="How long evidence flows at each step: `30m`."
    )
    days = serializers.CharField(required=False, max_length=100, help_text="Working hours: `mon-fri`.")
    begin = serializers.CharField(required=False, max_length=5, help_text="Working hours: `09:00`.")
    end = serializers.CharField(required=False, max_length=5, help_text="Working hours: `17:00`.")
    zone = serializers.CharField(required=False, max_length=64, help_text="Working hours: `Europe/Berlin`.")
    at_once = serializers.IntegerField(
        required=False, min_value=1, max_value=10_000, help_text="Units of one service under way at once."
    )
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)
    all_or_none = serializers.BooleanField(required=False, default=False)
    dry_run = serializers.BooleanField(required=False, default=False, help_text="Say what would be started.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("units" in attrs) == any(name in attrs for name in WHICH):
            message = "Name either units, or a filter: service, team, stage, search."
            raise serializers.ValidationError({"units": message})
        return attrs


class RampChangeSerializer(StrictSerializer):
    """Why a ramp is changed."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class LeftOutSerializer(serializers.Serializer[Any]):
    """A unit that nothing is done for."""

    unit = serializers.IntegerField(source="unit_id")
    key = serializers.CharField()
    reason = serializers.CharField()


class RampStepSerializer(serializers.Serializer[Any]):
    """One step of a plan."""

    step = serializers.CharField(source="words")
    mark = serializers.ChoiceField(choices=["passed", "next", "ahead"])


class RampSerializer(serializers.Serializer[Any]):
    """A unit that climbs by itself."""

    id = serializers.IntegerField()
    unit = serializers.IntegerField(source="unit_id")
    key = serializers.CharField(source="unit_key")
    service = serializers.CharField()
    stage = serializers.CharField(source="position.stage")
    candidate_percent = PercentField(source="position.candidate")
    plan = serializers.CharField()
    steps = RampStepSerializer(source="dots", many=True)
    state = serializers.ChoiceField(choices=RampState.values)
    waiting = serializers.CharField(help_text="What it waits for, in words.")
    next_at = serializers.DateTimeField(allow_null=True, help_text="The earliest moment of the next step, where known.")
    starter = serializers.CharField(help_text="Who answers for it.")
    started_at = serializers.DateTimeField()
    reason = serializers.CharField()
    batch = serializers.CharField(help_text="The same for ramps that were started together.")
    ended_at = serializers.DateTimeField(allow_null=True)
    ended_because = serializers.CharField()


class StartedSerializer(serializers.Serializer[Any]):
    """What was started, or with `dry_run` what would be."""

    batch = serializers.CharField(allow_null=True)
    started = serializers.IntegerField()
    ramps = RampSerializer(many=True, help_text="The first hundred; the list has all.")
    left = LeftOutSerializer(many=True)
    sentence = serializers.CharField()


class GuardSerializer(serializers.Serializer[Any]):
    """Whoever takes harm back by itself. Ages in seconds, null where it never looked."""

    sentence = serializers.CharField()
    is_late = serializers.BooleanField(help_text="Nobody looks: nothing is rolled back by itself.")
    is_standby = serializers.BooleanField(help_text="Only the second one looks.")
    age_s = serializers.FloatField(allow_null=True)
    regular_age_s = serializers.FloatField(allow_null=True)
    holder = serializers.CharField(help_text="Which process looked last.")
    looked_at = serializers.IntegerField(help_text="Units that serve callers, at its last look.")
    took_ms = serializers.FloatField()
