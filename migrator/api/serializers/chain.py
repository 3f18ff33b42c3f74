"""The chain that seals the ledger, as JSON."""

from typing import Any

from rest_framework import serializers

from migrator.ledger.models import Entry, Kind


class LinkSerializer(serializers.Serializer[Entry]):
    """One link: what somebody did in one moment. Flips are told apart under `/flips/`."""

    number = serializers.IntegerField(help_text="1, 2, 3 … within the project, without gaps.")
    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=Kind.choices)
    actor = serializers.CharField()
    via = serializers.CharField()
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    key = serializers.CharField(source="unit.key", default=None, allow_null=True)
    reason = serializers.CharField()
    body = serializers.DictField(help_text="What changed; for flips their number and their digest.")
    previous = serializers.CharField(help_text="Digest of the link before.")
    digest = serializers.CharField(help_text="SHA-256 of this link's content and of the link before.")


class AnchorSerializer(serializers.Serializer[Any]):
    """The chain's head: kept elsewhere, it finds what was cut off or rewritten."""

    project = serializers.CharField()
    number = serializers.IntegerField()
    digest = serializers.CharField()
    at = serializers.DateTimeField()


class FaultSerializer(serializers.Serializer[Any]):
    number = serializers.IntegerField(allow_null=True)
    sentence = serializers.CharField()


class CheckSerializer(serializers.Serializer[Any]):
    """What hashing everything again found."""

    sound = serializers.BooleanField()
    sentence = serializers.CharField()
    links = serializers.IntegerField()
    flips = serializers.IntegerField()
    unsealed = serializers.IntegerField(help_text="Flips from before the chain began.")
    faults = FaultSerializer(many=True)
    anchor = AnchorSerializer(allow_null=True)
