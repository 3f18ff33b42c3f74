"""Rules as JSON."""

from typing import Any, Final

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.api.lookups import service_named, unit_with_id
from migrator.core.wire import Form, RuleKind
from migrator.inventory.models import Project
from migrator.observations.specs import PARAMETERS, RuleDraft

STATES: Final = ("in force", "expired", "revoked")


class RuleBodySerializer(StrictSerializer):
    """What a rule says: about which places, of which unit or service. With neither it holds for the whole project."""

    unit = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=2**63 - 1, help_text="Id of an endpoint or a field."
    )
    service = serializers.CharField(required=False, allow_null=True, max_length=100, help_text="A service's name.")
    path = serializers.CharField(
        max_length=500, help_text="JSONPath (RFC 9535) into the body, or `status`, `header:<name>`, `header:*`."
    )
    kind = serializers.ChoiceField(choices=[kind.value for kind in RuleKind])
    absolute = serializers.FloatField(required=False, allow_null=True, min_value=0, help_text="tolerance")
    relative = serializers.FloatField(required=False, allow_null=True, min_value=0, help_text="tolerance: a share")
    seconds = serializers.FloatField(required=False, allow_null=True, min_value=0, help_text="tolerance of times")
    key = serializers.CharField(
        required=False, allow_null=True, max_length=200, help_text="unordered: the name by which members are found"
    )
    form = serializers.ChoiceField(
        required=False,
        allow_null=True,
        choices=[form.value for form in Form],
        help_text="normalise: what means nothing",
    )
    zone = serializers.CharField(required=False, allow_null=True, max_length=64, help_text="normalise, instant")
    pattern = serializers.CharField(required=False, allow_null=True, max_length=500, help_text="normalise, pattern")
    replacement = serializers.CharField(
        required=False, max_length=100, allow_blank=True, help_text="normalise, pattern: what each match becomes"
    )


class RulePreviewBodySerializer(RuleBodySerializer):
    """A rule that somebody thinks of."""

    days = serializers.IntegerField(required=False, default=7, min_value=1, max_value=30)


class NewRuleSerializer(RuleBodySerializer):
    """A rule to be saved."""

    reason = serializers.CharField(max_length=1_000)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="30 days from now if left out.")


class RevocationSerializer(StrictSerializer):
    """Why a rule is taken back."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class UnitHitsSerializer(serializers.Serializer[Any]):
    """In how many pairs of a unit a rule hid something, in the last 7 days."""

    unit = serializers.IntegerField(source="unit_id")
    key = serializers.CharField(source="unit_key")
    pairs = serializers.IntegerField()


class RuleSerializer(serializers.Serializer[Any]):
    """A rule and what it hides."""

    id = serializers.IntegerField()
    kind = serializers.ChoiceField(choices=[kind.value for kind in RuleKind])
    path = serializers.CharField()
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    unit_key = serializers.CharField(allow_null=True)
    service = serializers.CharField(allow_null=True)
    parameters = serializers.DictField(help_text="What else it has: `absolute`, `key`, `form` …")
    sentence = serializers.CharField(help_text="The rule in words.")
    reason = serializers.CharField()
    author = serializers.CharField()
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    state = serializers.ChoiceField(choices=[(state, state) for state in STATES])
    revoked_by = serializers.CharField()
    revoked_reason = serializers.CharField()
    groups = serializers.IntegerField(help_text="Mismatch groups that it settled.")
    pairs = serializers.IntegerField(help_text="In which it hid something in the last 7 days.")
    units = UnitHitsSerializer(many=True)
    last_hit_at = serializers.DateTimeField(allow_null=True)
    unused = serializers.BooleanField(help_text="It hid nothing for 14 days.")
    over_broad = serializers.CharField(allow_null=True, help_text="Why it seems to hide more than one thing.")


class HiddenPreviewSerializer(serializers.Serializer[Any]):
    """What a rule would hide of what was seen lately."""

    differences = serializers.IntegerField()
    groups = serializers.IntegerField()
    units = serializers.IntegerField()
    unsure_differences = serializers.IntegerField(help_text="It depends on values that nobody kept.")
    unsure_groups = serializers.IntegerField()
    days = serializers.IntegerField()
    sentence = serializers.CharField()


def draft_of(project: Project, data: Any) -> RuleDraft:
    """A validated body as a draft. Raises Invalid for a unit or service that is not there."""
    unit, service = data.get("unit"), data.get("service")
    return RuleDraft(
        kind=data["kind"],
        path=data["path"],
        unit=None if unit is None else unit_with_id(project, unit),
        service=None if service is None else service_named(project, service),
        parameters={name: data[name] for name in PARAMETERS if data.get(name) is not None},
    )
