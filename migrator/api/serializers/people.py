"""What people ask of each other and write for each other, as JSON: approvals, freezes, comments, hand-over notes."""

from datetime import datetime
from typing import Any

from rest_framework import serializers

from migrator.access.models import ApprovalState
from migrator.api.fields import StrictSerializer
from migrator.api.serializers.units import FlipRequestSerializer
from migrator.api.times import EARLIEST, LATEST
from migrator.core.policy import FourEyes
from migrator.rollout.freezes import REASON
from migrator.rollout.remarks import LONGEST


def _of_our_times(moment: datetime) -> None:
    """Years that no clock shows overflow in arithmetic with zones."""
    if not EARLIEST <= moment <= LATEST:
        raise serializers.ValidationError("A time lies between the years 2000 and 2100.")


class AskSerializer(FlipRequestSerializer):
    """The same as a flip's body: what shall be done once somebody else says yes."""

    override = None  # type: ignore[assignment]
    break_glass = None  # type: ignore[assignment]
    code = None  # type: ignore[assignment]


class ApprovalSerializer(serializers.Serializer[Any]):
    """A second person's word: wanted, given, refused or void."""

    id = serializers.IntegerField()
    subject = serializers.ChoiceField(choices=[each.value for each in FourEyes])
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    key = serializers.CharField(source="unit.key", default=None, allow_null=True)
    headline = serializers.CharField()
    wanted = serializers.DictField(help_text="What is carried out. Shares in basis points.")
    seen_version = serializers.IntegerField(help_text="It is void once this is not the version any more.")
    reason = serializers.CharField()
    asker = serializers.CharField()
    asked_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=ApprovalState.choices)
    decider = serializers.CharField(allow_blank=True)
    decided_at = serializers.DateTimeField(allow_null=True)
    note = serializers.CharField(allow_blank=True)


class DecisionSerializer(StrictSerializer):
    """A word beside the word."""

    note = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")


class NewFreezeSerializer(StrictSerializer):
    """What shall not climb for a while: a unit, a service, or without either the project."""

    unit = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1, help_text="A unit's id.")
    service = serializers.CharField(required=False, max_length=100, help_text="A service's name.")
    reason = serializers.CharField(max_length=REASON)
    begins_at = serializers.DateTimeField(required=False, validators=[_of_our_times], help_text="Else now.")
    ends_at = serializers.DateTimeField(
        required=False, validators=[_of_our_times], help_text="Else until somebody lifts it."
    )


class FreezeSerializer(serializers.Serializer[Any]):
    """A freeze, with who wants it and until when."""

    id = serializers.IntegerField()
    what = serializers.CharField()
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    service = serializers.CharField(source="service.name", default=None, allow_null=True)
    key = serializers.CharField(help_text="The alert that asked for it; empty where a person did.")
    reason = serializers.CharField()
    made_by = serializers.CharField()
    made_at = serializers.DateTimeField()
    begins_at = serializers.DateTimeField()
    ends_at = serializers.DateTimeField(allow_null=True)
    lifted_at = serializers.DateTimeField(allow_null=True)
    lifted_by = serializers.CharField()


class LiftSerializer(StrictSerializer):
    """Why a freeze ends early."""

    reason = serializers.CharField(max_length=1_000, required=False, allow_blank=True, default="")


class NewRemarkSerializer(StrictSerializer):
    """What somebody has to say."""

    text = serializers.CharField(max_length=LONGEST)


class RemarkSerializer(serializers.Serializer[Any]):
    """Who said what, and when."""

    id = serializers.IntegerField()
    author = serializers.CharField()
    at = serializers.DateTimeField()
    text = serializers.CharField()
