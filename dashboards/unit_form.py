"""What people declare of a unit, in words."""

from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from dashboards.settings_forms import CODE
from migrator.core.stages import Operation
from migrator.inventory.models import Unit
from migrator.inventory.runbooks import MAX_RUNBOOK, validate_runbook


class UnitForm(forms.Form):
    """Of a read nothing can be irreversible: there the question is not asked."""

    runbook = forms.CharField(
        required=False, max_length=MAX_RUNBOOK, label=_("Runbook"), widget=CODE, validators=[validate_runbook]
    )
    risk = forms.CharField(
        required=False,
        max_length=40,
        label=_("Class of risk"),
        widget=CODE,
        help_text=_("Such as money. Policies may ask more of a class."),
    )
    irreversible = forms.BooleanField(
        required=False,
        label=_("What it does cannot be taken back"),
        help_text=_(
            "Such as a payment or a mail: rolling back does not undo it. Whoever rolls it back or raises it is told."
        ),
    )

    def __init__(self, data: Any = None, *, unit: Unit) -> None:
        super().__init__(data, initial={name: getattr(unit, name) for name in type(self).base_fields})
        if unit.operation != Operation.WRITE:
            del self.fields["irreversible"]
        self.fields["runbook"].help_text = _inherited(unit)


def _inherited(unit: Unit) -> str:
    """What a runbook is, and which one holds where none is named here."""
    told = gettext("An address, or words that say where it lies.")
    of_endpoint = unit.parent.runbook if unit.parent else ""
    if of_endpoint:
        told = gettext("{what} Empty: that of its endpoint, {runbook}").format(what=told, runbook=of_endpoint)
    elif unit.service.runbook:
        inherited = gettext("{what} Empty: that of {service}, {runbook}")
        told = inherited.format(what=told, service=unit.service.name, runbook=unit.service.runbook)
    return told
