"""The forms of channels and hooks: what is asked, in words, and how it becomes settings."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms

from migrator.inventory.models import Project, Service, Team
from migrator.telling.channels import ChannelSettings, settings_of
from migrator.telling.hooks import HookSettings, settings_of_hook
from migrator.telling.models import Channel, ChannelKind, Digest, Event, Fallback, Hook, HookAction, Severity

DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
TARGETS: Final[dict[str, tuple[str, str, str]]] = {
    ChannelKind.APPRISE: (
        "Address",
        "slack://TokenA/TokenB/TokenC/#channel",
        "Any address that Apprise understands: slack://, workflows:// for Teams, mailtos://name:password@example.com"
        "?to=team@example.com, discord:// and a hundred more.",
    ),
    ChannelKind.PAGERDUTY: (
        "Routing key",
        "32 letters and digits",
        "Of an Events API v2 integration. Each matter is one incident; when it is over, the incident is closed.",
    ),
    ChannelKind.WEBHOOK: (
        "Address",
        "https://hooks.example.com/migrator",
        "Messages are posted there as JSON, signed with a secret that you are shown once. Answer with 2xx.",
    ),
}
"""Label, placeholder and help of the target, by kind."""
KINDS: Final[dict[str, str]] = {
    ChannelKind.APPRISE: "Slack, Teams or e-mail",
    ChannelKind.PAGERDUTY: "PagerDuty",
    ChannelKind.WEBHOOK: "a signed webhook",
}
LEAST: Final[dict[str, str]] = {
    Severity.INFO: "everything",
    Severity.WARNING: "what somebody should know today",
    Severity.CRITICAL: "only what cannot wait",
}
CODE: Final = forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"})


class ChannelForm(forms.Form):
    """A channel as somebody types it. Rules of the domain are told by the service, beside the field that it names."""

    name = forms.CharField(max_length=100, label="Name")
    target = forms.CharField(required=False, max_length=2_000, widget=CODE)
    enabled = forms.BooleanField(required=False, label="Switched on")
    least_severity = forms.ChoiceField(choices=[(str(s), told) for s, told in LEAST.items()], label="Tells")
    events = forms.MultipleChoiceField(
        required=False, choices=Event.choices, widget=forms.CheckboxSelectMultiple, label="Only these events"
    )
    teams = forms.ModelMultipleChoiceField(
        required=False,
        queryset=Team.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label="Only units of these teams",
    )
    services = forms.ModelMultipleChoiceField(
        required=False,
        queryset=Service.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label="Only units of these services",
    )
    quiet_days = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        choices=list(enumerate(DAYS)),
        widget=forms.CheckboxSelectMultiple,
        label="Quiet on these days",
    )
    quiet_from = forms.TimeField(required=False, label="Quiet from", widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_to = forms.TimeField(required=False, label="until", widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.CharField(max_length=64, label="Time zone", initial="UTC")
    digest = forms.ChoiceField(choices=Digest.choices, label="Sent")
    digest_hour = forms.IntegerField(min_value=0, max_value=23, label="at the hour", initial=9)
    per_minute = forms.IntegerField(required=False, min_value=1, max_value=1_000, label="At most so many a minute")
    renew_secret = forms.BooleanField(required=False, label="Sign with a new secret from now on")

    def __init__(self, data: Any, *, project: Project, kind: str, channel: Channel | None) -> None:
        super().__init__(data, initial=None if channel is None else _initial(channel))
        self.kind, self.channel = kind, channel
        for name, rows in (("teams", project.teams.all()), ("services", project.services.all())):
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
        if channel is None:
            self.initial.update({"enabled": True, "least_severity": Severity.WARNING})
            self.fields["target"].required = True
        target = self.fields["target"]
        target.label, target.widget.attrs["placeholder"], target.help_text = TARGETS[kind]
        if channel is not None:
            target.help_text = f"Now {channel.hint}. Leave it empty to keep it; it is never shown again."
        if kind == ChannelKind.PAGERDUTY:
            for name in ("digest", "digest_hour"):
                del self.fields[name]
        if kind != ChannelKind.WEBHOOK or channel is None:
            del self.fields["renew_secret"]

    @property
    def wanted(self) -> ChannelSettings:
        """Valid input as settings."""
        given = dict(self.cleaned_data)
        for name in ("teams", "services"):
            given[name] = tuple(given[name])
        given["zone"] = given["zone"].strip()
        return ChannelSettings(kind=self.kind, **given)


def _initial(channel: Channel) -> dict[str, Any]:
    now = settings_of(channel)
    kept = {name: getattr(now, name) for name in ChannelForm.base_fields if hasattr(now, name)}
    return kept | {"teams": [t.pk for t in now.teams], "services": [s.pk for s in now.services]}


class HookForm(forms.Form):
    """A hook as somebody types it."""

    name = forms.CharField(
        max_length=50, label="Name", help_text="Part of its address: small letters, digits, - and _."
    )
    action = forms.ChoiceField(choices=HookAction.choices, label="An alert makes us")
    unit_from = forms.CharField(required=False, max_length=200, label="Labels that name a unit", initial="{unit}")
    service_from = forms.CharField(
        required=False, max_length=200, label="Labels that name a service", initial="{service}"
    )
    fallback = forms.ChoiceField(choices=Fallback.choices, label="An alert that names neither is about")
    fallback_service = forms.ModelChoiceField(
        required=False, queryset=Service.objects.none(), label="which service", empty_label="none"
    )
    enabled = forms.BooleanField(required=False, label="Switched on")
    renew_secret = forms.BooleanField(required=False, label="Make a new secret; the old one ends at once")

    def __init__(self, data: Any, *, project: Project, hook: Hook | None) -> None:
        super().__init__(data, initial={"enabled": True} if hook is None else _hook_initial(hook))
        self.fields["fallback_service"].queryset = project.services.all()  # type: ignore[attr-defined]
        if hook is None:
            del self.fields["renew_secret"]

    @property
    def wanted(self) -> HookSettings:
        """Valid input as settings."""
        return HookSettings(**self.cleaned_data)


def _hook_initial(hook: Hook) -> dict[str, Any]:
    now = settings_of_hook(hook)
    return {name: getattr(now, name) for name in HookForm.base_fields if hasattr(now, name)}


def usual_zone(zone: Any) -> str:
    """The reader's zone as a form holds it."""
    return zone.key if isinstance(zone, ZoneInfo) else "UTC"
