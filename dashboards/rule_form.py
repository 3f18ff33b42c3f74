"""The form of a rule: what is asked for which kind, and how its errors come back beside their fields."""

from datetime import datetime, timedelta
from typing import Any, Final

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from migrator.core.wire import Form, RuleKind, RuleSpec
from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid
from migrator.observations.ruling import LONGEST
from migrator.observations.specs import RuleDraft, checked, objections, specs_of, stored_parameters

KINDS: Final = {
    RuleKind.IGNORE: _("Ignore: nothing there is compared"),
    RuleKind.TOLERANCE: _("Tolerance: values may lie so far apart"),
    RuleKind.UNORDERED: _("Unordered: order means nothing"),
    RuleKind.NORMALISE: _("Normalise: two ways of writing one value"),
    RuleKind.MAP: _("Map: identifiers that differ by nature"),
    RuleKind.ACCEPT: _("Accept: the candidate is right"),
}
FORMS: Final = {
    Form.INSTANT: _("an instant in time, whatever its format"),
    Form.NUMBER: _("1 and 1.0"),
    Form.CASE: _("letters' case"),
    Form.PERCENT: _("percent-encoding"),
    Form.ZEROS: _("zeros that end a decimal"),
    Form.LIST: _("a value and a list of nothing but it"),
    Form.WHITESPACE: _("blanks"),
    Form.NULL: _("null and nothing at all"),
    Form.PATTERN: _("what matches a pattern"),
}
ASKED: Final[dict[str, tuple[str, ...]]] = {
    RuleKind.TOLERANCE: ("absolute", "relative", "seconds"),
    RuleKind.UNORDERED: ("key",),
    RuleKind.NORMALISE: ("form",),
}
"""What else is asked, by kind."""
ASKED_OF_FORM: Final[dict[str, tuple[str, ...]]] = {
    Form.INSTANT: ("zone",),
    Form.PATTERN: ("pattern", "replacement"),
}
USUAL_DAYS: Final = 30
_NUMBERS: Final = ("absolute", "relative", "seconds")


class RuleForm(forms.Form):
    """A rule as somebody types it. Valid, it has a `draft` with its `spec`, and contradicts nothing in force."""

    kind = forms.ChoiceField(choices=[(kind.value, told) for kind, told in KINDS.items()], label=_("What it says"))
    path = forms.CharField(max_length=500, label=_("Where"))
    unit = forms.IntegerField(required=False, min_value=1, max_value=2**62)
    service = forms.CharField(required=False, max_length=100, label=_("Of which endpoints"))
    absolute = forms.FloatField(required=False, min_value=0, label=_("At most so far apart"))
    relative = forms.FloatField(required=False, min_value=0, label=_("At most so many percent apart"))
    seconds = forms.FloatField(required=False, min_value=0, label=_("At most so many seconds apart"))
    key = forms.CharField(required=False, max_length=200, label=_("Members find each other by"))
    form = forms.ChoiceField(
        required=False,
        choices=[(form.value, told) for form, told in FORMS.items()],
        label=_("What makes no difference"),
    )
    zone = forms.CharField(required=False, max_length=64, label=_("Times without a zone are in"))
    pattern = forms.CharField(required=False, max_length=500, strip=False, label=_("Regular expression"))
    replacement = forms.CharField(required=False, max_length=100, strip=False, label=_("Replaced by"))
    reason = forms.CharField(max_length=1_000, label=_("Why"), error_messages={"required": _("A rule says why.")})
    days = forms.IntegerField(min_value=1, max_value=LONGEST.days, label=_("Holds for so many days"))

    def __init__(self, data: Any, *, project: Project) -> None:
        super().__init__(data)
        self.project = project
        self.unit_found: Unit | None = None

    @property
    def asked(self) -> list[Any]:
        """The bound fields that the chosen kind and form need."""
        names = list(ASKED.get(self.data.get("kind", ""), ()))
        if "form" in names:
            names += ASKED_OF_FORM.get(self.data.get("form", ""), ())
        return [self[name] for name in names]

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        try:
            self.draft = RuleDraft(
                kind=cleaned.get("kind", ""),
                path=cleaned.get("path", ""),
                unit=self._unit(cleaned),
                service=self._service(cleaned),
                parameters=self._parameters(cleaned),
            )
            if not {"kind", "path", *_NUMBERS} & set(self.errors):
                self._check()
        except Invalid as invalid:
            self.add_error(invalid.field if invalid.field in self.fields else "path", invalid.message)
        return cleaned

    def expires_at(self, now: datetime) -> datetime:
        return now + timedelta(days=self.cleaned_data["days"])

    def _check(self) -> None:
        """Raises Invalid where the rule means nothing, hides everything, or cannot hold beside those in force."""
        if self.draft.kind == RuleKind.TOLERANCE and not self.draft.parameters:
            raise Invalid("absolute", gettext("Say how far apart: fill one of these three."))
        self.spec = checked(self.draft)
        against = objections(self.spec, specs_of(project=self.project))
        if against:
            raise Invalid("path", " ".join([gettext("It contradicts a rule in force."), *against[:3]]))

    def _unit(self, cleaned: dict[str, Any]) -> Unit | None:
        if not cleaned.get("unit"):
            return None
        self.unit_found = Unit.objects.filter(project=self.project, pk=cleaned["unit"]).first()
        if self.unit_found is None:
            raise Invalid("unit", gettext("This unit is not there any more."))
        return self.unit_found

    def _service(self, cleaned: dict[str, Any]) -> Service | None:
        name = cleaned.get("service")
        if not name or cleaned.get("unit"):
            return None
        found = Service.objects.filter(project=self.project, name=name).first()
        if found is None:
            raise Invalid(
                "service", gettext("{project} has no service {name}.").format(project=self.project.name, name=name)
            )
        return found

    def _parameters(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """What was typed of what is asked; percent become a share."""
        names = [field.name for field in self.asked]
        given = {name: cleaned[name] for name in names if cleaned.get(name) not in (None, "")}
        if "relative" in given:
            given["relative"] /= 100
        return given


def sent(spec: RuleSpec) -> dict[str, Any]:
    """A rule without its scope, as a button carries it."""
    return {"kind": str(spec.kind), "path": spec.path, **stored_parameters(spec)}


def typed(spec: RuleSpec) -> dict[str, Any]:
    """A rule as the form would have it typed."""
    filled = sent(spec) | ({} if spec.unit is None else {"unit": spec.unit})
    return filled | ({} if spec.relative is None else {"relative": f"{spec.relative * 100:g}"})
