"""What changes the plan: one form for each verb of planning.services. What the service refuses stands at its field."""

import json
from datetime import date, datetime
from typing import Any, ClassVar, Final

from django import forms
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from dashboards import words
from dashboards.vocabulary import choices
from migrator.access.rights import Actor, Right
from migrator.core.stages import LADDER
from migrator.inventory.models import Kind, Project, Service, Team, Unit
from migrator.inventory.queries import Wanted
from migrator.inventory.services import Invalid
from migrator.planning import services
from migrator.planning.changes import change_phase
from migrator.planning.models import DONE_STAGES, Dependency, Milestone, Phase

DAY: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
CODE: Final = {"class": "code", "autocomplete": "off", "spellcheck": "false"}
DONE_CHOICES: Final = [(str(DONE_STAGES[0]), _("from cutover on")), (str(DONE_STAGES[1]), _("when removed"))]
REASON_LENGTH: Final = 1_000


class PlanForm(forms.Form):
    """One verb. `act` is its name in the address; `told()` does it and says what was done."""

    title: ClassVar[Any]
    button: ClassVar[Any]
    right: ClassVar[Right] = Right.MANAGE

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.auto_id = f"{type(self).__name__.lower()}-%s"  # several of them stand on one page
        self.project = project
        for name, field in self.fields.items():
            if isinstance(field, forms.ModelChoiceField):
                field.queryset = getattr(project, SOURCES[name]).all()

    def carried_out(self, *, actor: Actor, now: datetime) -> str:
        """What was done, in words; empty where something is wrong, which stands at its field."""
        try:
            return self.told(actor, now)
        except Invalid as wrong:
            self.add_error(wrong.field if wrong.field in self.fields else None, wrong.message)
            return ""

    def told(self, actor: Actor, now: datetime) -> str:
        raise NotImplementedError


SOURCES: Final = {"phase": "phases", "into": "phases", "team": "teams", "service": "services"}
"""Where the choices of a field come from, of the project."""


WHY: Final = _("Why")


def reason(label: Any = WHY) -> forms.CharField:
    return forms.CharField(required=False, max_length=REASON_LENGTH, label=label)


class PhaseSelect(forms.Select):
    """Each choice carries what its phase has: a script puts that into the form."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        phase = getattr(value, "instance", None)
        option["attrs"]["data-values"] = json.dumps(
            {
                "name": phase.name if phase else "",
                "deadline": phase.deadline.isoformat() if phase and phase.deadline else "",
                "done_at": str(phase.done_at if phase else DONE_STAGES[0]),
            }
        )
        return option


class PhaseForm(PlanForm):
    title, button = _("A phase"), _("Save the phase")
    phase = forms.ModelChoiceField(
        Phase.objects.none(),
        required=False,
        label=_("Change"),
        empty_label=_("a new one"),
        widget=PhaseSelect(attrs={"data-fills": ""}),
    )
    name = forms.CharField(max_length=100, label=_("Name"))
    deadline = forms.DateField(
        required=False, widget=DAY, label=_("Deadline"), help_text=_("Empty: a phase keeps the one it has.")
    )
    no_deadline = forms.BooleanField(required=False, label=_("No deadline"))
    done_at = forms.ChoiceField(choices=DONE_CHOICES, label=_("Done"))
    reason = reason()

    def clean(self) -> None:
        # A day that only a script put there is no contradiction: whoever ticks the box wants none.
        chosen, day = self.cleaned_data.get("phase"), self.cleaned_data.get("deadline")
        if self.cleaned_data.get("no_deadline") and day and not (chosen and chosen.deadline == day):
            self.add_error("deadline", gettext("Either a day, or no deadline."))

    def told(self, actor: Actor, now: datetime) -> str:
        typed = dict(self.cleaned_data)
        phase, why, is_open = typed.pop("phase"), typed.pop("reason"), typed.pop("no_deadline")
        if is_open:
            typed["deadline"] = None
        if phase is None:
            made = services.save_phase(project=self.project, actor=actor, now=now, reason=why, **typed)
        else:
            kept = {"deadline"} if typed["deadline"] is None and not is_open else set()
            changes = {name: value for name, value in typed.items() if name not in kept}
            made = change_phase(phase=phase, actor=actor, now=now, changes=changes, reason=why)
        return gettext("Phase {phase} is saved.").format(phase=made.name)


class AssignForm(PlanForm):
    title, button = _("Which units a phase has"), _("Put them there")
    into = forms.ModelChoiceField(Phase.objects.none(), required=False, label=_("Into"), empty_label=_("no phase"))
    service = forms.ModelChoiceField(Service.objects.none(), required=False, label=_("Service"), empty_label=_("any"))
    team = forms.ModelChoiceField(Team.objects.none(), required=False, label=_("Team"), empty_label=_("any"))
    kind = forms.ChoiceField(
        required=False,
        choices=[("", _("any")), (str(Kind.ENDPOINT), _("endpoints")), (str(Kind.FIELD), _("fields"))],
        label=_("Kind"),
    )
    stage = forms.ChoiceField(
        required=False, choices=[("", _("any")), *choices((str(r.stage), r.label) for r in LADDER)], label=_("Stage")
    )
    search = forms.CharField(required=False, max_length=200, label=_("Key has"), widget=forms.TextInput(attrs=CODE))
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        done = services.assign(
            project=self.project,
            phase=typed["into"],
            actor=actor,
            now=now,
            wanted=Wanted(
                search=typed["search"],
                stage=typed["stage"],
                kind=typed["kind"],
                service=typed["service"].name if typed["service"] else "",
                team=typed["team"].name if typed["team"] else "",
            ),
            reason=typed["reason"],
        )
        moved = done.added if typed["into"] else done.removed
        told = ngettext("{count} unit are in {phase} now", "{count} units are in {phase} now", moved)
        if not typed["into"]:
            told = ngettext("{count} unit are in no phase now", "{count} units are in no phase now", moved)
        told = told.format(count=words.number(moved), phase=typed["into"])
        if not done.already:
            return f"{told}."
        return gettext("{told}; {count} were already.").format(told=told, count=words.number(done.already))


class MilestoneForm(PlanForm):
    title, button = _("A mini-deadline"), _("Set it")
    name = forms.CharField(max_length=200, label=_("Name"))
    due = forms.DateField(widget=DAY, label=_("Due"))
    phase = forms.ModelChoiceField(Phase.objects.none(), required=False, label=_("Phase"), empty_label=_("any"))
    team = forms.ModelChoiceField(Team.objects.none(), required=False, label=_("Team"), empty_label=_("any"))
    service = forms.ModelChoiceField(Service.objects.none(), required=False, label=_("Service"), empty_label=_("any"))
    percent = forms.FloatField(min_value=1, max_value=100, initial=100, label=_("Percent of the units"))
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = dict(self.cleaned_data)
        share = typed.pop("percent") / 100
        made = services.set_milestone(project=self.project, actor=actor, now=now, share=share, **typed)
        return gettext("{name} is due on {day}.").format(name=made.name, day=words.day(made.due))


class CapacityForm(PlanForm):
    title, button = _("How many people a team has"), _("Save")
    team = forms.ModelChoiceField(Team.objects.none(), label=_("Team"), empty_label=None)
    people = forms.FloatField(min_value=0, max_value=services.MOST_PEOPLE, label=_("People"))
    since = forms.DateField(widget=DAY, label=_("From"), required=False, help_text=_("Empty: today."))
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        since: date = typed["since"] or now.date()
        made = services.set_capacity(
            team=typed["team"], people=typed["people"], since=since, actor=actor, now=now, reason=typed["reason"]
        )
        return gettext("{team} has {people} people from {day} on.").format(
            team=made.team.name, people=words.localised(f"{made.people:g}"), day=words.day(since)
        )


class DependencyForm(PlanForm):
    title, button, right = _("What waits for what"), _("Let it wait"), Right.EDIT
    unit = forms.CharField(max_length=500, label=_("This unit"), widget=forms.TextInput(attrs=CODE))
    needs = forms.CharField(max_length=500, label=_("waits until this is done"), widget=forms.TextInput(attrs=CODE))
    reason = reason()

    def clean_unit(self) -> Unit:
        return self._known("unit")

    def clean_needs(self) -> Unit:
        return self._known("needs")

    def _known(self, name: str) -> Unit:
        found = Unit.objects.tracked().filter(project=self.project, key=self.cleaned_data[name]).first()
        if found is None:
            told = gettext("No unit {key} is tracked here: write its key in full.")
            raise forms.ValidationError(told.format(key=self.cleaned_data[name]))
        return found

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        made = services.add_dependency(
            unit=typed["unit"], needs=typed["needs"], actor=actor, now=now, reason=typed["reason"]
        )
        return gettext("{unit} waits until {needs} is done.").format(unit=made.unit.key, needs=made.needs.key)


class BaselineForm(PlanForm):
    title, button = _("Promise what stands now"), _("Set the baseline")
    phase = forms.ModelChoiceField(
        Phase.objects.none(), required=False, label=_("Of"), empty_label=_("the whole project")
    )
    reason = reason(_("Why it is promised anew"))

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        made = services.set_baseline(project=self.project, actor=actor, now=now, **typed)
        return gettext("Promised: {units}.").format(units=words.units(made.scope))


class RemovalForm(PlanForm):
    """Takes a phase, a mini-deadline or a dependency out of the plan."""

    title, button = _("Remove"), _("Remove")
    phase = forms.ModelChoiceField(Phase.objects.none(), required=False)
    milestone = forms.ModelChoiceField(Milestone.objects.none(), required=False)
    dependency = forms.ModelChoiceField(Dependency.objects.none(), required=False)
    reason = reason()

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        forms.Form.__init__(self, *args, **kwargs)
        self.project = project
        self._of("phase").queryset = project.phases.all()
        self._of("milestone").queryset = project.milestones.all()
        self._of("dependency").queryset = Dependency.objects.filter(unit__project=project)

    def _of(self, name: str) -> Any:
        return self.fields[name]

    def told(self, actor: Actor, now: datetime) -> str:
        typed, why = self.cleaned_data, self.cleaned_data["reason"]
        if typed["phase"]:
            services.remove_phase(phase=typed["phase"], actor=actor, now=now, reason=why)
            return gettext("Phase {phase} is out of the plan; its units stay.").format(phase=typed["phase"].name)
        if typed["milestone"]:
            services.remove_milestone(milestone=typed["milestone"], actor=actor, now=now, reason=why)
            return gettext("{name} is out of the plan.").format(name=typed["milestone"].name)
        if typed["dependency"]:
            services.remove_dependency(dependency=typed["dependency"], actor=actor, now=now, reason=why)
            return gettext("{unit} waits no more for {needs}.").format(
                unit=typed["dependency"].unit.key, needs=typed["dependency"].needs.key
            )
        return gettext("Nothing was left to remove.")


FORMS: Final[dict[str, type[PlanForm]]] = {
    "people": CapacityForm,
    "milestone": MilestoneForm,
    "phase": PhaseForm,
    "assign": AssignForm,
    "dependency": DependencyForm,
    "baseline": BaselineForm,
}
"""By the name of the act, in the order of the page."""
ACTS: Final = FORMS | {"remove": RemovalForm}
