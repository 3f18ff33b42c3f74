"""What pages post. Each form feeds exactly one service."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from dashboards import words
from dashboards.proposals import Wish, read_wish, skipped
from migrator.core.stages import Position, settle
from migrator.rollout.services import Change

REASON_LENGTH = 1_000


class FlipForm(forms.Form):
    """A proposal that is meant: where to, which version was seen, and why."""

    stage = forms.CharField(required=False)
    candidate_percent = forms.CharField(required=False, max_length=20)
    mirror_percent = forms.CharField(required=False, max_length=20)
    version = forms.IntegerField(min_value=0)
    reason = forms.CharField(required=False, max_length=REASON_LENGTH)
    typed = forms.CharField(required=False, max_length=20)
    override = forms.BooleanField(required=False)
    break_glass = forms.BooleanField(required=False)
    code = forms.CharField(required=False, max_length=20)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.wish: Wish = read_wish(self.data)
        for field, message in self.wish.errors.items():
            self.add_error(field, message)
        if cleaned.get("override") and not cleaned.get("reason"):
            self.add_error("reason", _("Going on although something holds needs a reason: the ledger keeps it."))
        if cleaned.get("break_glass") and not cleaned.get("reason"):
            self.add_error("reason", _("Breaking the glass needs a reason: everybody is told."))
        return cleaned

    def lacks(self, current: Position) -> str:
        """What a risky step asks for and this one came without: a reason, and its share typed. Empty for nothing."""
        told, wish = self.cleaned_data, self.wish
        target = settle(current=current, stage=wish.stage, candidate=wish.candidate, mirror=wish.mirror)
        if told["break_glass"] or not (skipped(current, target) or told["override"]):
            return ""
        if not told["reason"]:
            return _("Not applied: skipping a step of the plan needs a reason. The ledger keeps it.")
        try:
            is_typed = words.read_percent(told["typed"]) == target.candidate
        except words.NotAPercentage:
            is_typed = False
        return (
            ""
            if is_typed
            else _("Not applied: type {share} to confirm it.").format(share=f"{target.candidate / 100:g}")
        )

    def change(self, *, unit_id: int) -> Change:
        return change_of(self.wish, unit_id=unit_id, version=self.cleaned_data["version"])

    def as_proposal(self) -> dict[str, object]:
        """The same as the query of the unit's page, so that nothing typed is lost."""
        kept = ("stage", "candidate_percent", "mirror_percent", "reason", "break_glass")
        return {name: self.data[name] for name in kept if self.data.get(name)}


def change_of(wish: Wish, *, unit_id: int, version: int) -> Change:
    """A wish about a unit as somebody saw it."""
    return Change(unit_id=unit_id, version=version, stage=wish.stage, candidate=wish.candidate, mirror=wish.mirror)
