"""Units and their flips, as JSON. Percentages outside, basis points inside."""

from collections import Counter
from typing import Any

from rest_framework import serializers

from migrator.api.fields import PercentField, RunbookField, StageField, StrictSerializer
from migrator.core.stages import Operation, Stage
from migrator.inventory.models import Kind, Unit
from migrator.rollout.bulk import MOST
from migrator.rollout.models import Flip


class UnitSerializer(StrictSerializer):
    """An endpoint or a field, where it stands, and who owns it."""

    read_only_advice = "is not written here; stage and percentages change by POST /api/v1/units/{id}/flip/"

    id = serializers.IntegerField(read_only=True)
    project = serializers.CharField(source="project.slug", read_only=True)
    key = serializers.CharField(max_length=500)
    kind = serializers.ChoiceField(choices=Kind.choices)
    operation = serializers.ChoiceField(choices=[o.value for o in Operation], required=False)
    service = serializers.CharField(max_length=100, source="service.name")
    parent = serializers.IntegerField(source="parent_id", required=False, allow_null=True)  # type: ignore[assignment]
    team = serializers.CharField(max_length=100, source="team.name", required=False, allow_null=True, default=None)
    sister = serializers.BooleanField(required=False, help_text="The candidate writes to sister datastores.")
    cohort = serializers.RegexField(r"^[^:]+$", max_length=100, required=False, allow_null=True)
    description = serializers.CharField(max_length=500, required=False, allow_blank=True)
    runbook = RunbookField(
        required=False, help_text="What to do about it at night: an address, or words that say where it lies."
    )
    irreversible = serializers.BooleanField(
        required=False,
        help_text="What it did cannot be taken back by rolling back, such as a payment or a mail. Only for writes.",
    )
    runbook_in_force = serializers.CharField(
        read_only=True, help_text="Its own runbook, else its endpoint's, else its service's; empty for none."
    )
    contested_by = serializers.CharField(source="contested_by.name", default=None, read_only=True, allow_null=True)
    source = serializers.CharField(read_only=True)  # type: ignore[assignment]
    stage = serializers.ChoiceField(choices=[stage.value for stage in Stage], read_only=True)
    candidate_percent = PercentField(source="candidate_bp", read_only=True)
    mirror_percent = PercentField(source="mirror_bp", read_only=True)
    version = serializers.IntegerField(read_only=True, help_text="Counts its flips; a flip names the one it saw.")
    stage_since = serializers.DateTimeField(read_only=True, allow_null=True)
    evidence_epoch = serializers.IntegerField(read_only=True)
    evidence_since = serializers.DateTimeField(read_only=True, allow_null=True)
    added_at = serializers.DateTimeField(read_only=True)
    gone = serializers.SerializerMethodField(help_text="No longer in its spec.")
    gone_at = serializers.DateTimeField(read_only=True, allow_null=True)

    def get_gone(self, unit: Unit) -> bool:
        return unit.gone_at is not None


class UnitChangeSerializer(UnitSerializer):
    """What may change of a unit without a flip."""

    key = serializers.CharField(read_only=True)
    kind = serializers.ChoiceField(choices=Kind.choices, read_only=True)


class MoveSerializer(StrictSerializer):
    """Where a unit shall go. What is left out stays as it is, as far as the stage allows."""

    stage = StageField(required=False)
    candidate_percent = PercentField(required=False)
    mirror_percent = PercentField(required=False)
    version = serializers.IntegerField(min_value=0, max_value=2**31 - 1, help_text="The unit's version that you saw.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.keys() & {"stage", "candidate_percent", "mirror_percent"}:
            raise serializers.ValidationError("A flip names a stage, candidate_percent or mirror_percent.")
        return attrs


class FlipRequestSerializer(MoveSerializer):
    """One wanted change, and why."""

    reason = serializers.CharField(max_length=1_000)
    override = serializers.BooleanField(default=False, help_text="Go on although a gate or cool-down holds: admins.")
    break_glass = serializers.BooleanField(
        default=False,
        help_text="Go on whatever holds but the proof of removal: a person, with a `code`. No `Idempotency-Key` then.",
    )
    code = serializers.CharField(default="", allow_blank=True, max_length=20, help_text="A code of that factor.")


class MoveOfUnitSerializer(MoveSerializer):
    """One of many changes."""

    unit = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="The unit's id.")


class FlipManySerializer(StrictSerializer):
    """Many changes with one reason, all or none."""

    changes = serializers.ListField(child=MoveOfUnitSerializer(), allow_empty=False, max_length=MOST)
    reason = serializers.CharField(max_length=1_000)
    override = serializers.BooleanField(default=False, help_text="Go on although gates or cool-downs hold: admins.")

    def validate_changes(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        twice = [unit for unit, times in Counter(each["unit"] for each in changes).items() if times > 1]
        if twice:
            raise serializers.ValidationError(f"Each unit is named once: {twice[0]} is named again.")
        return changes


class RollbackRequestSerializer(StrictSerializer):
    """Down to side by side with candidate 0 %, or to a lower stage that is named."""

    reason = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")
    stage = StageField(required=False)


class ProjectRollbackRequestSerializer(RollbackRequestSerializer):
    """Everything of a project, one service, or the units named."""

    units = serializers.ListField(
        child=serializers.IntegerField(min_value=1), required=False, allow_empty=False, help_text="Ids of units."
    )
    service = serializers.CharField(max_length=100, required=False, help_text="A service's name.")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "units" in attrs and "service" in attrs:
            raise serializers.ValidationError("Name units or a service, not both; neither means the whole project.")
        return attrs


class PositionSerializer(serializers.Serializer[Any]):
    """Where a unit stands."""

    stage = serializers.ChoiceField(choices=[stage.value for stage in Stage])
    candidate_percent = PercentField(source="candidate")
    mirror_percent = PercentField(source="mirror")


class FlipSerializer(serializers.Serializer[Flip]):
    """One entry of the ledger."""

    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    unit = serializers.IntegerField(source="unit_id")
    key = serializers.CharField(source="unit.key")
    actor = serializers.CharField()
    via = serializers.CharField()
    reason = serializers.CharField()
    direction = serializers.CharField()
    override = serializers.BooleanField()
    before = PositionSerializer()
    after = PositionSerializer()
    unit_version = serializers.IntegerField()
    epoch = serializers.IntegerField()
    version = serializers.IntegerField(help_text="Number of the routing table that carries it.")
    evidence = serializers.DictField(help_text="What was known at that moment.")


class FlipAnswerSerializer(serializers.Serializer[Any]):
    """The unit as it stands now, and the entry that was made; null where nothing had to change."""

    unit = UnitSerializer()
    flip = FlipSerializer(allow_null=True)


class FlipManyAnswerSerializer(serializers.Serializer[Any]):
    """How many units moved; those that stood there already did not."""

    flipped = serializers.IntegerField()
    flips = FlipSerializer(many=True, help_text="The first hundred entries; the ledger has all of them.")


class LeftSerializer(serializers.Serializer[Any]):
    """A unit that a rollback had to leave, and why."""

    unit = serializers.IntegerField()
    key = serializers.CharField(allow_null=True)
    message = serializers.CharField()


class RollbackAnswerSerializer(serializers.Serializer[Any]):
    """What a rollback did. Repeating it does nothing more."""

    rolled_back = serializers.IntegerField(help_text="How many units moved.")
    flips = FlipSerializer(many=True, help_text="The first hundred entries; the ledger has all of them.")
    left = LeftSerializer(many=True, help_text="The first hundred units that could not go back.")
    left_count = serializers.IntegerField()


class UnitRollbackAnswerSerializer(RollbackAnswerSerializer):
    unit = UnitSerializer()
