"""Channels, hooks and messages as JSON. What is secret is taken in and never given out."""

from dataclasses import replace
from typing import Any

from rest_framework import serializers

from migrator.api.fields import StrictSerializer
from migrator.api.lookups import service_named, team_named
from migrator.inventory.models import Project
from migrator.telling.channels import ChannelSettings
from migrator.telling.hooks import HookSettings
from migrator.telling.models import ChannelKind, DeliveryState, Digest, Event, Fallback, HookAction, Severity

KINDS = ChannelKind.choices
EVENTS = Event.choices
SEVERITIES = Severity.choices
DIGESTS = Digest.choices


class NamesField(serializers.ListField):
    """Rows by their names."""

    child = serializers.CharField()

    def to_representation(self, data: Any) -> list[str]:
        return [row.name for row in data.all()]


class ChannelFieldsSerializer(StrictSerializer):
    """What may be said of a channel beside its kind and name."""

    target = serializers.CharField(
        required=False,
        write_only=True,
        max_length=2_000,
        help_text="apprise: an address such as `slack://…` or `mailtos://…`; webhook: an http(s) address; "
        "pagerduty: the routing key of an Events API v2 integration. Encrypted, never given out.",
    )
    enabled = serializers.BooleanField(required=False)
    events = serializers.ListField(
        child=serializers.ChoiceField(choices=EVENTS), required=False, help_text="None named: all."
    )
    least_severity = serializers.ChoiceField(choices=SEVERITIES, required=False)
    weekly = serializers.BooleanField(
        required=False,
        help_text="Takes the week's digest too, on Mondays, whatever severity and events it takes. A new channel of "
        "kind `apprise` does unless you say otherwise; `events: [weekly]` takes nothing else; `pagerduty` never does.",
    )
    teams = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, help_text="Only units of these. None named: all."
    )
    services = serializers.ListField(
        child=serializers.CharField(max_length=100), required=False, help_text="Only units of these. None named: all."
    )
    quiet_days = serializers.ListField(
        child=serializers.IntegerField(min_value=0, max_value=6),
        required=False,
        max_length=7,
        help_text="Days on which quiet hours begin, 0 is Monday. None named: each day.",
    )
    quiet_from = serializers.TimeField(required=False, allow_null=True, help_text="What is critical passes through.")
    quiet_to = serializers.TimeField(required=False, allow_null=True, help_text="Before `quiet_from`: the next day.")
    zone = serializers.CharField(required=False, max_length=64, help_text="Of quiet hours and digest.")
    digest = serializers.ChoiceField(choices=DIGESTS, required=False, help_text="What is critical never waits for it.")
    digest_hour = serializers.IntegerField(required=False, min_value=0, max_value=23)
    per_minute = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=1_000, help_text="The rest is folded into one message."
    )


class NewChannelSerializer(ChannelFieldsSerializer):
    """A channel to be made."""

    name = serializers.CharField(max_length=100)
    kind = serializers.ChoiceField(choices=KINDS)
    target = serializers.CharField(write_only=True, max_length=2_000, help_text="See the channel.")


class ChangedChannelSerializer(ChannelFieldsSerializer):
    """What of a channel is to be changed."""

    name = serializers.CharField(max_length=100, required=False)
    renew_secret = serializers.BooleanField(required=False, help_text="webhook: sign with a new secret from now on.")


class ChannelSerializer(serializers.Serializer[Any]):
    """A channel. Its target is shown as a hint only."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=KINDS)
    hint = serializers.CharField(help_text="What may be shown of the target: `slack://…`.")
    enabled = serializers.BooleanField()
    events = serializers.ListField(child=serializers.CharField())
    least_severity = serializers.ChoiceField(choices=SEVERITIES)
    weekly = serializers.BooleanField()
    teams = NamesField()
    services = NamesField()
    quiet_days = serializers.ListField(child=serializers.IntegerField())
    quiet_from = serializers.TimeField(allow_null=True)
    quiet_to = serializers.TimeField(allow_null=True)
    zone = serializers.CharField()
    digest = serializers.ChoiceField(choices=DIGESTS)
    digest_hour = serializers.IntegerField()
    per_minute = serializers.IntegerField(allow_null=True)
    last_success_at = serializers.DateTimeField(allow_null=True)
    last_error_at = serializers.DateTimeField(allow_null=True)
    last_error = serializers.CharField()


class SavedChannelSerializer(ChannelSerializer):
    """A channel as it was saved."""

    secret = serializers.CharField(
        help_text="What signs its webhooks, where a new one was made: shown now and never again. Empty otherwise."
    )


class TryResultSerializer(serializers.Serializer[Any]):
    """What came of a test."""

    arrived = serializers.BooleanField()
    error = serializers.CharField(help_text="What was wrong; empty where it arrived.")


class DeliverySerializer(serializers.Serializer[Any]):
    """How far a message is on its way to one channel."""

    channel = serializers.CharField()
    state = serializers.ChoiceField(choices=[state.value for state in DeliveryState])
    attempts = serializers.IntegerField()
    next_at = serializers.DateTimeField(allow_null=True)
    ended_at = serializers.DateTimeField(allow_null=True)
    error = serializers.CharField()


class MessageSerializer(serializers.Serializer[Any]):
    """A message with its deliveries."""

    id = serializers.IntegerField()
    event = serializers.ChoiceField(choices=EVENTS)
    severity = serializers.ChoiceField(choices=SEVERITIES)
    resolves = serializers.BooleanField(help_text="It ends the matter of this key.")
    key = serializers.CharField(help_text="The matter.")
    title = serializers.CharField()
    sentence = serializers.CharField()
    path = serializers.CharField(help_text="The page where somebody can act.")
    at = serializers.DateTimeField()
    unit = serializers.IntegerField(source="unit_id", allow_null=True)
    unit_key = serializers.CharField(allow_null=True)
    deliveries = DeliverySerializer(many=True)


# ---------------------------------------------------------------------- what webhooks receive


class WebhookUnitSerializer(serializers.Serializer[Any]):
    """The unit that a message is about."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    service = serializers.CharField()
    team = serializers.CharField(allow_null=True)
    runbook = serializers.CharField(help_text="Where it is written what to do about it; empty where nobody named that.")


class WebhookProjectSerializer(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class WebhookItemSerializer(serializers.Serializer[Any]):
    """One message of a webhook."""

    event = serializers.CharField(help_text="One of the events of a channel, or `test`.")
    severity = serializers.ChoiceField(choices=SEVERITIES)
    resolves = serializers.BooleanField(help_text="It ends the matter of this key.")
    key = serializers.CharField(help_text="The matter: the same when it begins, lasts and ends.")
    title = serializers.CharField()
    sentence = serializers.CharField()
    unit = WebhookUnitSerializer(allow_null=True)
    link = serializers.CharField(help_text="The page where somebody can act.")
    at = serializers.DateTimeField()
    since = serializers.DateTimeField(help_text="When the matter began.")
    times = serializers.IntegerField(help_text="How often it was raised since.")


class WebhookSerializer(serializers.Serializer[Any]):
    """What a webhook's receiver gets, with the headers `X-Migrator-Event-Id` and `X-Migrator-Signature`.

    The signature is `t=<seconds since 1970>,v1=<hex>`, where hex is the HMAC-SHA256, under the channel's secret, of
    t, a dot and the body's bytes. Refuse a t that is minutes old, and an id that you have seen: what is not answered
    with 2xx is sent again for a day, and may have arrived before.
    """

    id = serializers.UUIDField(help_text="The same however often it is sent.")
    type = serializers.ChoiceField(choices=["message", "digest"])
    project = WebhookProjectSerializer()
    title = serializers.CharField()
    severity = serializers.ChoiceField(choices=SEVERITIES, help_text="Of the gravest message.")
    count = serializers.IntegerField()
    messages = WebhookItemSerializer(many=True)


# ------------------------------------------------------------------------------------- hooks


class HookFieldsSerializer(StrictSerializer):
    action = serializers.ChoiceField(choices=[action.value for action in HookAction], required=False)
    unit_from = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Labels that name a unit, such as `{unit}`."
    )
    service_from = serializers.CharField(
        required=False, allow_blank=True, max_length=200, help_text="Labels that name a service."
    )
    fallback = serializers.ChoiceField(
        choices=[each.value for each in Fallback],
        required=False,
        help_text="What an alert is about that names neither.",
    )
    fallback_service = serializers.CharField(required=False, allow_null=True, max_length=100)
    enabled = serializers.BooleanField(required=False)


class NewHookSerializer(HookFieldsSerializer):
    """A hook to be made."""

    name = serializers.CharField(max_length=50, help_text="Part of its address.")


class ChangedHookSerializer(HookFieldsSerializer):
    """What of a hook is to be changed."""

    renew_secret = serializers.BooleanField(required=False)


class HookSerializer(serializers.Serializer[Any]):
    """Who may alarm us."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    action = serializers.ChoiceField(choices=[action.value for action in HookAction])
    unit_from = serializers.CharField()
    service_from = serializers.CharField()
    fallback = serializers.ChoiceField(choices=[each.value for each in Fallback])
    fallback_service = serializers.CharField(source="fallback_service.name", default=None, allow_null=True)
    enabled = serializers.BooleanField()
    last_used_at = serializers.DateTimeField(allow_null=True)


class SavedHookSerializer(HookSerializer):
    """A hook as it was saved."""

    secret = serializers.CharField(help_text="Where a new one was made: shown now and never again. Empty otherwise.")


class AlertmanagerAlertSerializer(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["firing", "resolved"])
    labels = serializers.DictField(child=serializers.CharField())
    annotations = serializers.DictField(child=serializers.CharField(), required=False)
    fingerprint = serializers.CharField(required=False)


class AlertsSerializer(serializers.Serializer[Any]):
    """Alertmanager's webhook (`alerts`, `groupKey`), or our plain form (`key`, `status`, and labels as fields)."""

    alerts = AlertmanagerAlertSerializer(many=True, required=False)
    groupKey = serializers.CharField(required=False)  # noqa: N815 - theirs
    key = serializers.CharField(required=False, help_text="Plain form: the matter, the same when it fires and ends.")
    status = serializers.ChoiceField(choices=["firing", "resolved"], required=False)
    unit = serializers.CharField(required=False, help_text="A unit's key.")
    service = serializers.CharField(required=False, help_text="A service's name.")
    message = serializers.CharField(required=False)


class TakenSerializer(serializers.Serializer[Any]):
    """What came of the alerts."""

    firing = serializers.IntegerField()
    resolved = serializers.IntegerField()
    held = serializers.IntegerField(help_text="Holds that they asked for.")
    rolled_back = serializers.IntegerField(help_text="Units that they took down.")


# ------------------------------------------------------------------------------ to settings


def channel_settings(project: Project, data: dict[str, Any], before: ChannelSettings | None = None) -> ChannelSettings:
    """A validated body as settings, on top of those there are. Raises Invalid for names that are not there."""
    changes = dict(data)
    if "events" in data:
        changes.setdefault("weekly", None)
    if "teams" in data:
        changes["teams"] = tuple(team_named(project, name) for name in data["teams"])
    if "services" in data:
        changes["services"] = tuple(service_named(project, name) for name in data["services"])
    return ChannelSettings(**changes) if before is None else replace(before, **changes)


def hook_settings(project: Project, data: dict[str, Any], before: HookSettings | None = None) -> HookSettings:
    """A validated body as settings, on top of those there are. Raises Invalid for a service that is not there."""
    changes = dict(data)
    if name := data.get("fallback_service"):
        changes["fallback_service"] = service_named(project, name)
    return HookSettings(**changes) if before is None else replace(before, **changes)
