"""The forms of the settings: what is asked, in words, and how it becomes what services take."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

import msgspec
from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboards import words
from dashboards.vocabulary import choices
from migrator.access.models import Role, Scope
from migrator.core.manners import Anonymous, Manners, SubjectSource
from migrator.inventory.models import Project, Service, Team
from migrator.inventory.runbooks import MAX_RUNBOOK, validate_runbook

CODE: Final = forms.TextInput(attrs={"class": "input code", "autocomplete": "off", "spellcheck": "false"})
DATE: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
SCOPES: Final = {
    Scope.INGEST: _("data planes: read the table, send reports"),
    Scope.READ: _("read everything"),
    Scope.OPERATE: _("what an engineer may do"),
    Scope.ADMIN: _("what an admin may do"),
}
SUBJECTS: Final = {
    SubjectSource.NONE: _("nothing: each request on its own"),
    SubjectSource.HEADER: _("a request header"),
    SubjectSource.COOKIE: _("a cookie"),
    SubjectSource.JWT_CLAIM: _("a claim of the bearer token"),
}
WITHOUT_SUBJECT: Final = {Anonymous.RANDOM: _("drawn at random"), Anonymous.LEGACY: _("answered by legacy")}


class PersonForm(forms.Form):
    """Somebody who has an account, and what they shall be."""

    username = forms.CharField(max_length=150, label=_("Name of the account"))
    role = forms.ChoiceField(choices=choices(Role.choices), label=_("Role"), initial=Role.ENGINEER)
    team = forms.ModelChoiceField(
        required=False, queryset=Team.objects.none(), label=_("For"), empty_label=_("the whole project")
    )

    def __init__(self, data: Any = None, *, project: Project) -> None:
        super().__init__(data)
        self.fields["team"].queryset = project.teams.all()  # type: ignore[attr-defined]


class TeamForm(forms.Form):
    name = forms.CharField(max_length=100, label=_("Name"))


class ProjectForm(forms.Form):
    """What the migration is called, and when it shall be over."""

    name = forms.CharField(max_length=200, label=_("Name"))
    legacy_name = forms.CharField(max_length=100, label=_("What legacy is called"))
    candidate_name = forms.CharField(max_length=100, label=_("What the candidate is called"))
    deadline = forms.DateField(
        required=False, label=_("Deadline"), widget=DATE, help_text=_("The forecast is held against it. Empty: none.")
    )

    def __init__(self, data: Any = None, *, project: Project) -> None:
        super().__init__(data, initial={name: getattr(project, name) for name in type(self).base_fields})


class ServiceForm(forms.Form):
    """One pair of running services."""

    name = forms.CharField(max_length=100, label=_("Name"))
    legacy_url = forms.CharField(
        required=False,
        max_length=500,
        label=_("Address of legacy"),
        widget=CODE,
        help_text=_("http://host:port, no path."),
    )
    candidate_url = forms.CharField(required=False, max_length=500, label=_("Address of the candidate"), widget=CODE)
    legacy_timeout_ms = forms.IntegerField(min_value=1, label=_("Legacy may take (ms)"))
    candidate_timeout_ms = forms.IntegerField(min_value=1, label=_("The candidate may take (ms)"))
    mirror_timeout_ms = forms.IntegerField(min_value=1, label=_("A mirrored call may take (ms)"))
    mirror_concurrency = forms.IntegerField(
        min_value=0, label=_("Mirrored calls at once"), help_text=_("The rest is skipped.")
    )
    mirror_body_bytes = forms.IntegerField(min_value=0, label=_("Largest mirrored body (bytes)"))
    legacy_capacity = forms.FloatField(
        required=False,
        min_value=0,
        label=_("Legacy can still take (requests a second)"),
        help_text=_("A rollback that would send it more says so beforehand. Empty: nobody measured."),
    )
    runbook = forms.CharField(
        required=False,
        max_length=MAX_RUNBOOK,
        label=_("Runbook of its units that name none"),
        widget=CODE,
        validators=[validate_runbook],
        help_text=_("An address, or words that say where it lies. On-call is led to it."),
    )
    legacy_deployed = forms.BooleanField(
        required=False, label=_("Legacy still runs"), help_text=_("While it does, removal can be undone.")
    )

    def __init__(self, data: Any = None, *, service: Service | None = None) -> None:
        shown = service or Service(name="")
        super().__init__(data, initial={name: getattr(shown, name) for name in type(self).base_fields})
        self.service = service
        if service is not None:
            del self.fields["name"]


def comma_list(text: str) -> tuple[str, ...]:
    """`a, b` or a line for each -> ("a", "b")."""
    return tuple(filter(None, (part.strip() for part in text.replace("\n", ",").split(","))))


class MannersForm(forms.Form):
    """How data planes behave apart from the units."""

    subject_source = forms.ChoiceField(
        choices=[(s.value, told) for s, told in SUBJECTS.items()],
        label=_("Who a caller is, is told by"),
        help_text=_("Whoever met the candidate once goes on meeting it."),
    )
    subject_name = forms.CharField(required=False, max_length=200, label=_("Its name"), widget=CODE)
    anonymous = forms.ChoiceField(
        choices=[(a.value, told) for a, told in WITHOUT_SUBJECT.items()], label=_("A request that tells nobody is")
    )
    announce_side = forms.BooleanField(
        required=False, label=_("Answers say who served them"), help_text=_("In the header X-Migrator-Served-By.")
    )
    compared_headers = forms.CharField(required=False, label=_("Headers of answers that are compared"), widget=CODE)
    candidate_headers_dropped = forms.CharField(
        required=False, label=_("Request headers that mirrored calls do not carry"), widget=CODE
    )
    value_paths = forms.CharField(
        required=False,
        label=_("Paths whose values may be kept in samples"),
        widget=CODE,
        help_text=_("Everything else leaves a data plane as types and hashes only. $..* is every path."),
    )
    caller_header = forms.CharField(
        required=False, max_length=200, label=_("Request header that names the client"), widget=CODE
    )
    build_header = forms.CharField(
        required=False,
        max_length=200,
        label=_("Response header that names the build"),
        widget=CODE,
        help_text=_("Another build on one side: evidence starts afresh."),
    )
    cost_header = forms.CharField(
        required=False,
        max_length=200,
        label=_("Response header that counts what the answer cost"),
        widget=CODE,
        help_text=_("Such as x-db-queries."),
    )
    fingerprint = forms.CharField(
        required=False,
        max_length=500,
        label=_("Where an answer names the version of its data"),
        widget=CODE,
        help_text=_("header:etag or $.updated_at. Empty: nowhere."),
    )
    rereads_after_ms = forms.CharField(
        required=False,
        label=_("A mismatch is read again after (ms)"),
        widget=CODE,
        help_text=_("At most three pauses, such as 200, 1000, 4000. Empty: never."),
    )
    reread_share = forms.CharField(label=_("Of the mirrored requests, so many may be read again (%)"))
    rereads_per_second = forms.FloatField(
        min_value=0, max_value=10_000, label=_("At most so many a second and process")
    )
    noise_share = forms.CharField(
        label=_("Of the mirrored reads, so many test whether a side agrees with itself (%)"),
    )

    LISTS: Final = ("compared_headers", "candidate_headers_dropped", "value_paths")
    SHARES: Final = ("reread_share", "noise_share")

    def __init__(self, data: Any = None, *, project: Project) -> None:
        now = msgspec.convert(project.manners, Manners)
        shown: dict[str, Any] = {name: getattr(now, name) for name in type(self).base_fields}
        shown |= {name: ", ".join(map(str, getattr(now, name))) for name in (*self.LISTS, "rereads_after_ms")}
        shown |= {name: f"{getattr(now, name) / 100:g}" for name in self.SHARES}
        super().__init__(data, initial=shown)

    def clean_rereads_after_ms(self) -> tuple[int, ...]:
        pauses = comma_list(self.cleaned_data["rereads_after_ms"])
        if len(pauses) > 3 or not all(pause.isascii() and pause.isdecimal() for pause in pauses):
            raise forms.ValidationError(
                gettext("Write at most three whole numbers of milliseconds, such as 200, 1000.")
            )
        return tuple(map(int, pauses))

    def clean_reread_share(self) -> int:
        return self._share("reread_share")

    def clean_noise_share(self) -> int:
        return self._share("noise_share")

    def _share(self, name: str) -> int:
        try:
            return words.read_percent(self.cleaned_data[name])
        except words.NotAPercentage as wrong:
            raise forms.ValidationError(str(wrong)) from None

    @property
    def manners(self) -> Mapping[str, Any]:
        """Valid input as settings: only what differs from the usual, so that a better usual reaches this project."""
        given = dict(self.cleaned_data) | {name: comma_list(self.cleaned_data[name]) for name in self.LISTS}
        usual = {field.name: getattr(Manners(), field.name) for field in fields(Manners)}
        chosen = {name: value for name, value in given.items() if value != usual[name]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}


class _Expiring(forms.Form):
    """Something that opens a door until a day."""

    name = forms.CharField(max_length=100, label=_("What it is for"))
    expires_on = forms.DateField(required=False, label=_("Ends after"), widget=DATE, help_text=_("Empty: never."))

    @property
    def expires_at(self) -> datetime | None:
        """The end of that day (UTC)."""
        day: date | None = self.cleaned_data["expires_on"]
        return datetime.combine(day, time(), tzinfo=UTC) + timedelta(days=1) if day else None


class TokenForm(_Expiring):
    """A key for a program."""

    scope = forms.ChoiceField(
        choices=[(s.value, format_lazy("{}: {}", s.value, told)) for s, told in SCOPES.items()], label=_("Opens")
    )


class ShareForm(_Expiring):
    """A read-only way in for whoever has the address."""

    embed_origins = forms.CharField(
        required=False,
        label=_("Sites that may show it in a frame"),
        widget=CODE,
        help_text=_("Such as https://wiki.example.com, with commas between. Empty: none."),
    )
