"""What changes the plan: one form for each verb of planning.services. What the service refuses stands at its field."""

from datetime import date, datetime
from typing import Any, ClassVar, Final

from django import forms

from dashboards import words
from migrator.access.rights import Actor, Right
from migrator.core.stages import LADDER
from migrator.inventory.models import Kind, Project, Service, Team, Unit
from migrator.inventory.queries import Wanted
from migrator.inventory.services import Invalid
from migrator.planning import services
from migrator.planning.models import DONE_STAGES, Dependency, Milestone, Phase

DAY: Final = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
CODE: Final = {"class": "code", "autocomplete": "off", "spellcheck": "false"}
DONE_CHOICES: Final = [(str(DONE_STAGES[0]), "from cutover on"), (str(DONE_STAGES[1]), "when removed")]
REASON_LENGTH: Final = 1_000


class PlanForm(forms.Form):
    """One verb. `act` is its name in the address; `told()` does it and says what was done."""

    title: ClassVar[str]
    button: ClassVar[str]
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


def reason(label: str = "Why") -> forms.CharField:
    return forms.CharField(required=False, max_length=REASON_LENGTH, label=label)


class PhaseForm(PlanForm):
    title, button = "A phase", "Save the phase"
    phase = forms.ModelChoiceField(Phase.objects.none(), required=False, label="Change", empty_label="a new one")
    name = forms.CharField(max_length=100, label="Name")
    deadline = forms.DateField(required=False, widget=DAY, label="Deadline")
    done_at = forms.ChoiceField(choices=DONE_CHOICES, label="Done")
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        made = services.save_phase(project=self.project, actor=actor, now=now, **typed)
        return f"Phase {made.name} is saved."


class AssignForm(PlanForm):
    title, button = "Which units a phase has", "Put them there"
    into = forms.ModelChoiceField(Phase.objects.none(), required=False, label="Into", empty_label="no phase")
    service = forms.ModelChoiceField(Service.objects.none(), required=False, label="Service", empty_label="any")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, label="Team", empty_label="any")
    kind = forms.ChoiceField(required=False, choices=[("", "any"), *((k, f"{k}s") for k in Kind.values)], label="Kind")
    stage = forms.ChoiceField(
        required=False, choices=[("", "any"), *((str(r.stage), r.label) for r in LADDER)], label="Stage"
    )
    search = forms.CharField(required=False, max_length=200, label="Key has", widget=forms.TextInput(attrs=CODE))
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
        where = f"are in {typed['into']} now" if typed["into"] else "are in no phase now"
        moved = done.added if typed["into"] else done.removed
        more = f"; {words.number(done.already)} were already" if done.already else ""
        return f"{words.count(moved, 'unit')} {where}{more}."


class MilestoneForm(PlanForm):
    title, button = "A mini-deadline", "Set it"
    name = forms.CharField(max_length=200, label="Name")
    due = forms.DateField(widget=DAY, label="Due")
    phase = forms.ModelChoiceField(Phase.objects.none(), required=False, label="Phase", empty_label="any")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, label="Team", empty_label="any")
    service = forms.ModelChoiceField(Service.objects.none(), required=False, label="Service", empty_label="any")
    percent = forms.FloatField(min_value=1, max_value=100, initial=100, label="Percent of the units")
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = dict(self.cleaned_data)
        share = typed.pop("percent") / 100
        made = services.set_milestone(project=self.project, actor=actor, now=now, share=share, **typed)
        return f"{made.name} is due on {words.day(made.due)}."


class CapacityForm(PlanForm):
    title, button = "How many people a team has", "Save"
    team = forms.ModelChoiceField(Team.objects.none(), label="Team", empty_label=None)
    people = forms.FloatField(min_value=0, max_value=services.MOST_PEOPLE, label="People")
    since = forms.DateField(widget=DAY, label="From", required=False, help_text="Empty: today.")
    reason = reason()

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        since: date = typed["since"] or now.date()
        made = services.set_capacity(
            team=typed["team"], people=typed["people"], since=since, actor=actor, now=now, reason=typed["reason"]
        )
        return f"{made.team.name} has {made.people:g} people from {words.day(since)} on."


class DependencyForm(PlanForm):
    title, button, right = "What waits for what", "Let it wait", Right.EDIT
    unit = forms.CharField(max_length=500, label="This unit", widget=forms.TextInput(attrs=CODE))
    needs = forms.CharField(max_length=500, label="waits until this is done", widget=forms.TextInput(attrs=CODE))
    reason = reason()

    def clean_unit(self) -> Unit:
        return self._known("unit")

    def clean_needs(self) -> Unit:
        return self._known("needs")

    def _known(self, name: str) -> Unit:
        found = Unit.objects.tracked().filter(project=self.project, key=self.cleaned_data[name]).first()
        if found is None:
            raise forms.ValidationError(f"No unit {self.cleaned_data[name]} is tracked here: write its key in full.")
        return found

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        made = services.add_dependency(
            unit=typed["unit"], needs=typed["needs"], actor=actor, now=now, reason=typed["reason"]
        )
        return f"{made.unit.key} waits until {made.needs.key} is done."


class BaselineForm(PlanForm):
    title, button = "Promise what stands now", "Set the baseline"
    phase = forms.ModelChoiceField(Phase.objects.none(), required=False, label="Of", empty_label="the whole project")
    reason = reason("Why it is promised anew")

    def told(self, actor: Actor, now: datetime) -> str:
        typed = self.cleaned_data
        made = services.set_baseline(project=self.project, actor=actor, now=now, **typed)
        return f"Promised: {words.count(made.scope, 'unit')}."


class RemovalForm(PlanForm):
    """Takes a phase, a mini-deadline or a dependency out of the plan."""

    title, button = "Remove", "Remove"
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
            return f"Phase {typed['phase'].name} is out of the plan; its units stay."
        if typed["milestone"]:
            services.remove_milestone(milestone=typed["milestone"], actor=actor, now=now, reason=why)
            return f"{typed['milestone'].name} is out of the plan."
        if typed["dependency"]:
            services.remove_dependency(dependency=typed["dependency"], actor=actor, now=now, reason=why)
            return f"{typed['dependency'].unit.key} waits no more for {typed['dependency'].needs.key}."
        return "Nothing was left to remove."


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
