"""Policies and waivers as JSON. Rates and shares are fractions, durations as the names of the settings say."""

from typing import Any, Final

import msgspec
from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.core.gate import GATES
from migrator.core.policy import Flaw, Severity
from migrator.gates.layers import Effective, Layer, LayerKind, Origin
from migrator.gates.waivers import LONGEST, Signed

Json = dict[str, Any]
GREATEST: Final = 2**31 - 1


class FlawSerializer(serializers.Serializer[Any]):
    """One thing that is wrong with a policy. It is stored all the same."""

    setting = serializers.CharField(source="field")
    sentence = serializers.CharField()
    severity = serializers.ChoiceField(choices=[severity.value for severity in Severity])


class LayerSerializer(serializers.Serializer[Any]):
    """What one layer sets, and nothing else."""

    id = serializers.IntegerField(allow_null=True, help_text="Null for the project's own.")
    kind = serializers.ChoiceField(choices=[kind.value for kind in LayerKind])
    of = serializers.CharField(help_text="The service's or team's name, the operation, the risk, the unit's key.")
    unit = serializers.IntegerField(allow_null=True, source="unit_id")
    settings = serializers.DictField(help_text="Names and values of the settings that it sets.")
    version = serializers.IntegerField(help_text="Counts its changes: an edit names the one it saw.")
    reason = serializers.CharField()
    changed_by = serializers.CharField()
    changed_at = serializers.DateTimeField(allow_null=True)


class LayerWithFlawsSerializer(LayerSerializer):
    """A layer, and what is wrong with it on top of the project's own."""

    flaws = FlawSerializer(many=True)


class ProjectPolicySerializer(LayerWithFlawsSerializer):
    """What a project demands."""

    effective = serializers.DictField(help_text="Every setting with its value, built-in ones included.")


class PolicyChangeSerializer(StrictSerializer):
    """A change of some settings. What it does not name stays."""

    settings = serializers.DictField(required=False, default=dict)
    unset = serializers.ListField(
        child=serializers.CharField(max_length=60),
        required=False,
        default=list,
        max_length=100,
        help_text="Settings that shall fall back to the weaker layer.",
    )
    version = serializers.IntegerField(min_value=0, max_value=GREATEST, help_text="The version that was seen.")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class NewLayerSerializer(StrictSerializer):
    """What something demands otherwise than the project."""

    kind = serializers.ChoiceField(choices=[kind.value for kind in LayerKind if kind is not LayerKind.PROJECT])
    of = serializers.CharField(
        max_length=200, help_text="A service's or team's name, `read` or `write`, a class of risk, a unit's id."
    )
    settings = serializers.DictField()
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class RemovalSerializer(StrictSerializer):
    """Why a layer is removed."""

    version = serializers.IntegerField(min_value=1, max_value=GREATEST, help_text="The version that was seen.")
    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class SettingOriginSerializer(serializers.Serializer[Any]):
    """One setting of a unit's policy, and the layer that set it."""

    name = serializers.CharField()
    value = serializers.JSONField()
    layer = LayerSerializer(allow_null=True, help_text="Null where no layer names it: the built-in value.")
    overrides = LayerSerializer(many=True, help_text="Layers that name it too and lose, the strongest last.")


class UnitPolicySerializer(serializers.Serializer[Any]):
    """What is demanded of one unit, and where each demand comes from."""

    unit = serializers.IntegerField()
    settings = SettingOriginSerializer(many=True)
    flaws = FlawSerializer(many=True)


class NewWaiverSerializer(StrictSerializer):
    """A signature under gates that the evidence does not pass."""

    gates = serializers.ListField(
        child=serializers.CharField(max_length=60), allow_empty=False, max_length=50, help_text=", ".join(GATES)
    )
    reason = serializers.CharField(max_length=1_000)
    expires_at = serializers.DateTimeField(help_text=f"Within {LONGEST.days} days.")
    version = serializers.IntegerField(min_value=0, max_value=GREATEST, help_text="The unit's version that was seen.")


class WaiverRevocationSerializer(StrictSerializer):
    """Why a waiver is taken back."""

    reason = serializers.CharField(required=False, allow_blank=True, default="", max_length=1_000)


class WaiverSerializer(serializers.Serializer[Any]):
    """A waiver. It ends when it expires, when somebody revokes it, or with the next deploy of its service."""

    id = serializers.IntegerField()
    unit = serializers.IntegerField(source="unit_id")
    unit_key = serializers.CharField()
    gates = serializers.ListField(child=serializers.CharField())
    reason = serializers.CharField()
    signed_by = serializers.CharField()
    approved_by = serializers.CharField()
    signed_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    state = serializers.CharField(help_text="`in force`, `expired`, `revoked` or `ended by a deploy`.")
    ended_by = serializers.CharField()


class WaiversSerializer(serializers.Serializer[Any]):
    """Waivers, newest first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = WaiverSerializer(many=True)


class LayersSerializer(serializers.Serializer[Any]):
    """Layers, the weakest kind first."""

    next = serializers.URLField(allow_null=True)
    previous = serializers.URLField(allow_null=True)
    results = LayerSerializer(many=True)


class AskedSerializer(serializers.Serializer[Any]):
    """The change waits for a second person."""

    approval = serializers.IntegerField(help_text="Id of what was asked for.")
    headline = serializers.CharField()
    expires_at = serializers.DateTimeField()


def layer_json(layer: Layer, flaws: tuple[Flaw, ...]) -> Json:
    """A layer as LayerWithFlawsSerializer describes it."""
    return {name: getattr(layer, name) for name in Layer.__dataclass_fields__} | {"flaws": list(flaws)}


def unit_policy_json(unit_id: int, effective: Effective, flaws: tuple[Flaw, ...]) -> Json:
    """An effective policy as UnitPolicySerializer describes it."""
    return {
        "unit": unit_id,
        "settings": [_origin(origin) for origin in effective.origins],
        "flaws": list(flaws),
    }


def _origin(origin: Origin) -> Json:
    return {
        "name": origin.name,
        "value": msgspec.to_builtins(origin.value),
        "layer": origin.layer,
        "overrides": origin.overrides,
    }


def waiver_page(waivers: list[Signed]) -> Json:
    """All of them on one page: they are few."""
    return {"next": None, "previous": None, "results": waivers}
