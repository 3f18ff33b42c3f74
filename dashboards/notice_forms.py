"""The forms of channels and hooks: what is asked, in words, and how it becomes settings."""

from typing import Any, Final
from zoneinfo import ZoneInfo

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboards.vocabulary import choices
from migrator.inventory.models import Project, Service, Team
from migrator.telling.channels import ChannelSettings, settings_of
from migrator.telling.hooks import HookSettings, settings_of_hook
from migrator.telling.models import Channel, ChannelKind, Digest, Event, Fallback, Hook, HookAction, Severity

DAYS: Final = (_("Mon"), _("Tue"), _("Wed"), _("Thu"), _("Fri"), _("Sat"), _("Sun"))
TARGETS: Final[dict[str, tuple[Any, Any, Any]]] = {
    ChannelKind.APPRISE: (
        _("Address"),
        "slack://TokenA/TokenB/TokenC/#channel",
        _(
            "Any address that Apprise understands: slack://, workflows:// for Teams, "
            "mailtos://name:password@example.com?to=team@example.com, discord:// and a hundred more."
        ),
    ),
    ChannelKind.PAGERDUTY: (
        _("Routing key"),
        _("32 letters and digits"),
        _("Of an Events API v2 integration. Each matter is one incident; when it is over, the incident is closed."),
    ),
    ChannelKind.WEBHOOK: (
        _("Address"),
        "https://hooks.example.com/migrator",
        _("Messages are posted there as JSON, signed with a secret that you are shown once. Answer with 2xx."),
    ),
}
"""Label, placeholder and help of the target, by kind."""
KINDS: Final[dict[str, Any]] = {
    ChannelKind.APPRISE: _("Slack, Teams or e-mail"),
    ChannelKind.PAGERDUTY: _("PagerDuty"),
    ChannelKind.WEBHOOK: _("a signed webhook"),
}
LEAST: Final[dict[str, Any]] = {
    Severity.INFO: _("everything"),
    Severity.WARNING: _("what somebody should know today"),
    Severity.CRITICAL: _("only what cannot wait"),
}
ONLY_WEEK: Final = (str(Event.WEEKLY), _("nothing but the week in a few sentences"))
"""A choice among the severities that is none: a channel of this one event."""
EVENTS: Final = [choice for choice in choices(Event.choices) if choice[0] != Event.WEEKLY]
CODE: Final = forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"})


class ChannelForm(forms.Form):
    """A channel as somebody types it. Rules of the domain are told by the service, beside the field that it names."""

    name = forms.CharField(max_length=100, label=_("Name"))
    target = forms.CharField(required=False, max_length=2_000, widget=CODE)
    enabled = forms.BooleanField(required=False, label=_("Switched on"))
    least_severity = forms.ChoiceField(choices=[(str(s), told) for s, told in LEAST.items()], label=_("Tells"))
    weekly = forms.BooleanField(required=False, label=_("And the week in a few sentences, on Mondays"))
    events = forms.MultipleChoiceField(
        required=False, choices=EVENTS, widget=forms.CheckboxSelectMultiple, label=_("Only these events")
    )
    teams = forms.ModelMultipleChoiceField(
        required=False,
        queryset=Team.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label=_("Only units of these teams"),
    )
    services = forms.ModelMultipleChoiceField(
        required=False,
        queryset=Service.objects.none(),
        widget=forms.CheckboxSelectMultiple,
        label=_("Only units of these services"),
    )
    quiet_days = forms.TypedMultipleChoiceField(
        required=False,
        coerce=int,
        choices=list(enumerate(DAYS)),
        widget=forms.CheckboxSelectMultiple,
        label=_("Quiet on these days"),
    )
    quiet_from = forms.TimeField(required=False, label=_("Quiet from"), widget=forms.TimeInput(attrs={"type": "time"}))
    quiet_to = forms.TimeField(required=False, label=_("until"), widget=forms.TimeInput(attrs={"type": "time"}))
    zone = forms.CharField(max_length=64, label=_("Time zone"), initial="UTC")
    digest = forms.ChoiceField(choices=choices(Digest.choices), label=_("Sent"))
    digest_hour = forms.IntegerField(min_value=0, max_value=23, label=_("at the hour"), initial=9)
    per_minute = forms.IntegerField(required=False, min_value=1, max_value=1_000, label=_("At most so many a minute"))
    renew_secret = forms.BooleanField(required=False, label=_("Sign with a new secret from now on"))

    def __init__(self, data: Any, *, project: Project, kind: str, channel: Channel | None) -> None:
        super().__init__(data, initial=None if channel is None else _initial(channel))
        self.kind, self.channel = kind, channel
        for name, rows in (("teams", project.teams.all()), ("services", project.services.all())):
            self.fields[name].queryset = rows  # type: ignore[attr-defined]
        if channel is None:
            told = {"least_severity": Severity.WARNING, "weekly": kind == ChannelKind.APPRISE}
            self.initial.update({"enabled": True} | told)
            self.fields["target"].required = True
        target = self.fields["target"]
        target.label, target.widget.attrs["placeholder"], target.help_text = TARGETS[kind]
        if channel is not None:
            target.help_text = gettext("Now {hint}. Leave it empty to keep it; it is never shown again.").format(
                hint=channel.hint
            )
        if kind == ChannelKind.PAGERDUTY:
            for name in ("digest", "digest_hour", "weekly"):
                del self.fields[name]
        else:
            self.fields["least_severity"].choices += [ONLY_WEEK]  # type: ignore[attr-defined]
        if kind != ChannelKind.WEBHOOK or channel is None:
            del self.fields["renew_secret"]

    @property
    def wanted(self) -> ChannelSettings:
        """Valid input as settings."""
        given = dict(self.cleaned_data)
        for name in ("teams", "services"):
            given[name] = tuple(given[name])
        given["zone"] = given["zone"].strip()
        if given["least_severity"] == Event.WEEKLY:
            given |= {"least_severity": Severity.CRITICAL, "events": [Event.WEEKLY], "weekly": True}
        return ChannelSettings(kind=self.kind, **given)


def _initial(channel: Channel) -> dict[str, Any]:
    now = settings_of(channel)
    kept = {name: getattr(now, name) for name in ChannelForm.base_fields if hasattr(now, name)}
    if is_only_week(channel):
        kept |= {"least_severity": Event.WEEKLY, "events": []}
    return kept | {"teams": [t.pk for t in now.teams], "services": [s.pk for s in now.services]}


def is_only_week(channel: Channel) -> bool:
    """Whether it takes the week's digest and nothing else."""
    return list(channel.events) == [Event.WEEKLY]


class HookForm(forms.Form):
    """A hook as somebody types it."""

    name = forms.CharField(
        max_length=50, label=_("Name"), help_text=_("Part of its address: small letters, digits, - and _.")
    )
    action = forms.ChoiceField(choices=choices(HookAction.choices), label=_("An alert makes us"))
    unit_from = forms.CharField(required=False, max_length=200, label=_("Labels that name a unit"), initial="{unit}")
    service_from = forms.CharField(
        required=False, max_length=200, label=_("Labels that name a service"), initial="{service}"
    )
    fallback = forms.ChoiceField(choices=choices(Fallback.choices), label=_("An alert that names neither is about"))
    fallback_service = forms.ModelChoiceField(
        required=False, queryset=Service.objects.none(), label=_("which service"), empty_label=_("none")
    )
    enabled = forms.BooleanField(required=False, label=_("Switched on"))
    renew_secret = forms.BooleanField(required=False, label=_("Make a new secret; the old one ends at once"))

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
