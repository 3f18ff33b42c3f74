"""Causes of mismatches as JSON."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Final

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.api.serializers.evidence import SampleSerializer
from migrator.api.serializers.rules import HiddenPreviewSerializer, RuleBodySerializer, RuleSerializer
from migrator.observations.models import OPEN_STATUSES, GroupStatus, SettledAs
from migrator.observations.queries import Cause, SampleFigures, Suggestion, Wanted

Json = dict[str, Any]
OPEN: Final = "open"
ALL: Final = "all"
NOBODY: Final = "nobody"
ME: Final = "me"
TEXT: Final = 2_000


class WantedSerializer(serializers.Serializer[Any]):
    """Which causes are asked for."""

    status = serializers.ChoiceField(
        choices=[OPEN, ALL, *GroupStatus.values], default=OPEN, help_text="Those that wait for somebody, if left out."
    )
    unit = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    service = serializers.CharField(required=False, max_length=100)
    kind = serializers.CharField(required=False, max_length=200, help_text="`type`, `value`, `missing` …")
    settled_as = serializers.ChoiceField(required=False, choices=SettledAs.values)
    assignee = serializers.CharField(required=False, max_length=150, help_text="A user's name, `me`, or `nobody`.")
    rule = serializers.IntegerField(required=False, min_value=1, max_value=2**63 - 1)
    present = serializers.BooleanField(default=False, help_text="Only those that the present evidence shows.")
    search = serializers.CharField(required=False, max_length=200, help_text="Part of the path or the unit's key.")

    def wanted(self, *, assignee_id: int | None) -> Wanted:
        """`assignee_id` is the one that the name stands for."""
        asked = self.validated_data
        statuses = {OPEN: tuple(OPEN_STATUSES), ALL: ()}.get(asked["status"], (asked["status"],))
        return Wanted(
            statuses=statuses,
            unit_id=asked.get("unit"),
            service=asked.get("service"),
            kind=asked.get("kind"),
            settled_as=asked.get("settled_as"),
            assignee_id=assignee_id,
            unassigned=asked.get("assignee") == NOBODY,
            rule_id=asked.get("rule"),
            present=asked["present"],
            search=asked.get("search", ""),
        )


class MemberSerializer(serializers.Serializer[Any]):
    """One of the places that a cause is made of."""

    id = serializers.IntegerField()
    path = serializers.CharField()
    count = serializers.IntegerField()
    total = serializers.IntegerField()


class CauseSerializer(serializers.Serializer[Any]):
    """One cause in one unit: places that differ together count once."""

    id = serializers.IntegerField()
    unit = serializers.IntegerField(source="unit_id")
    unit_key = serializers.CharField()
    service = serializers.CharField()
    sentence = serializers.CharField(help_text="What differs, and how.")
    path = serializers.CharField(help_text="The first place, with its indexes left open: `$.items[*].price`.")
    kind = serializers.CharField()
    pattern = serializers.CharField(help_text="What happened to the value: `number → string`.")
    members = MemberSerializer(many=True)
    places = serializers.IntegerField(help_text="How many places; `members` names the first of them.")
    status = serializers.ChoiceField(choices=GroupStatus.values)
    settled_as = serializers.ChoiceField(choices=["", *SettledAs.values])
    assignee = serializers.CharField(allow_null=True)
    rule = serializers.IntegerField(source="rule_id", allow_null=True)
    present = serializers.BooleanField(help_text="Seen in the evidence that counts now.")
    count = serializers.IntegerField(help_text="Pairs of the present evidence that differ like this.")
    total = serializers.IntegerField(help_text="Pairs that ever did.")
    share = serializers.FloatField(allow_null=True, help_text="Of the present evidence's pairs.")
    raised_at = serializers.DateTimeField(help_text="When it last was news.")
    first_seen = serializers.DateTimeField(source="first_seen_at")
    last_seen = serializers.DateTimeField(source="last_seen_at")


class CausesSerializer(serializers.Serializer[Any]):
    """Causes, news first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = CauseSerializer(many=True)


class ShareSerializer(serializers.Serializer[Any]):
    """A name and in which share of the pairs it came up."""

    name = serializers.CharField()
    share = serializers.FloatField()
    count = serializers.IntegerField()


class NoteSerializer(serializers.Serializer[Any]):
    """What somebody said, or did."""

    at = serializers.DateTimeField()
    author = serializers.CharField()
    change = serializers.CharField()
    text = serializers.CharField()


class HourSerializer(serializers.Serializer[Any]):
    """Pairs of one hour that differed."""

    at = serializers.DateTimeField()
    count = serializers.IntegerField()


class OriginSerializer(serializers.Serializer[Any]):
    """The write in which the callers of a cause diverged before they met it."""

    group = serializers.IntegerField(source="group_id")
    unit = serializers.IntegerField(source="unit_id")
    unit_key = serializers.CharField()
    path = serializers.CharField()
    samples = serializers.IntegerField(help_text="Samples that follow it.")
    of = serializers.IntegerField(help_text="Samples with a caller.")


class CauseDetailSerializer(CauseSerializer):
    """Everything that is known of a cause."""

    callers = serializers.IntegerField(help_text="Distinct callers who met it; 0 where requests name none.")
    caller_shares = ShareSerializer(many=True)
    legacy_builds = ShareSerializer(many=True)
    candidate_builds = ShareSerializer(many=True)
    hours = HourSerializer(many=True)
    samples = SampleSerializer(many=True)
    notes = NoteSerializer(many=True)
    origin = OriginSerializer(allow_null=True)


class CauseChangeSerializer(StrictSerializer):
    """What may change of a cause beside being settled."""

    status = serializers.ChoiceField(
        required=False, choices=[GroupStatus.ONGOING.value], help_text="Takes a decision back that made no rule."
    )
    assignee = serializers.CharField(required=False, allow_null=True, max_length=150, help_text="A user's name.")
    note = serializers.CharField(required=False, max_length=TEXT)


class SettlementSerializer(StrictSerializer):
    """What a cause is. With a rule it is taken out of the comparison."""

    rule = RuleBodySerializer(required=False, allow_null=True)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=TEXT)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, help_text="Of the rule.")

    def get_fields(self) -> Json:
        # `as` is a word of Python, so it cannot be declared like the others.
        return {"as": serializers.ChoiceField(choices=SettledAs.values), **super().get_fields()}


class SettledSerializer(serializers.Serializer[Any]):
    """The cause as it now stands, and the rules that were made."""

    group = CauseSerializer()
    rules = RuleSerializer(many=True)


class SuggestedRuleSerializer(RuleBodySerializer):
    """A rule as it can be sent back."""


class SuggestionSerializer(serializers.Serializer[Any]):
    """Rules that would settle a cause, and what they would hide."""

    rules = SuggestedRuleSerializer(many=True)
    certain = serializers.BooleanField(help_text="False where samples are redacted too much to know.")
    sentence = serializers.CharField()
    preview = HiddenPreviewSerializer()


class KindredSerializer(serializers.Serializer[Any]):
    """What happens to the same name in several units."""

    name = serializers.CharField(allow_null=True)
    kind = serializers.CharField()
    pattern = serializers.CharField()
    units = serializers.IntegerField()
    groups = serializers.IntegerField()
    total = serializers.IntegerField()
    first_seen = serializers.DateTimeField(source="first_seen_at")
    last_seen = serializers.DateTimeField(source="last_seen_at")
    group_ids = serializers.ListField(child=serializers.IntegerField())


class KindredListSerializer(serializers.Serializer[Any]):
    """Causes that several units share, most units first."""

    results = KindredSerializer(many=True)


def cause_json(cause: Cause) -> Json:
    """A cause as CauseDetailSerializer describes it."""
    told = asdict(cause)
    row = told.pop("row")
    hours: list[tuple[datetime, int]] = told["hours"]
    return {
        **row,
        **told,
        "hours": [{"at": at, "count": count} for at, count in hours],
        "samples": [sample_json(kept) for kept in cause.samples],
    }


def sample_json(kept: SampleFigures) -> Json:
    """A sample as SampleSerializer describes it."""
    return asdict(kept.sample) | {"id": kept.id, "at": kept.at}


def suggestion_json(suggestion: Suggestion) -> Json:
    """Rules without what is not set, so that they can be sent back as they are."""
    rules = [{name: value for name, value in asdict(spec).items() if value is not None} for spec in suggestion.rules]
    return {
        "rules": [{name: rule[name] for name in rule if name not in ("id", "noise")} for rule in rules],
        "certain": suggestion.certain,
        "sentence": suggestion.sentence,
        "preview": suggestion.preview,
    }
