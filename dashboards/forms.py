"""What pages post. Each form feeds exactly one service."""

from typing import Any

from django import forms

from dashboards.proposals import Wish, read_wish
from migrator.rollout.services import Change

REASON_LENGTH = 1_000


class FlipForm(forms.Form):
    """A proposal that is meant: where to, which version was seen, and why."""

    stage = forms.CharField(required=False)
    candidate_percent = forms.CharField(required=False, max_length=20)
    mirror_percent = forms.CharField(required=False, max_length=20)
    version = forms.IntegerField(min_value=0)
    reason = forms.CharField(required=False, max_length=REASON_LENGTH)
    override = forms.BooleanField(required=False)
    break_glass = forms.BooleanField(required=False)
    code = forms.CharField(required=False, max_length=20)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self.wish: Wish = read_wish(self.data)
        for field, message in self.wish.errors.items():
            self.add_error(field, message)
        if cleaned.get("override") and not cleaned.get("reason"):
            self.add_error("reason", "Going on although something holds needs a reason: the ledger keeps it.")
        if cleaned.get("break_glass") and not cleaned.get("reason"):
            self.add_error("reason", "Breaking the glass needs a reason: everybody is told.")
        return cleaned

    def change(self, *, unit_id: int) -> Change:
        return Change(
            unit_id=unit_id,
            version=self.cleaned_data["version"],
            stage=self.wish.stage,
            candidate=self.wish.candidate,
            mirror=self.wish.mirror,
        )

    def as_proposal(self) -> dict[str, object]:
        """The same as the query of the unit's page, so that nothing typed is lost."""
        kept = ("stage", "candidate_percent", "mirror_percent", "reason", "break_glass")
        return {name: self.data[name] for name in kept if self.data.get(name)}
