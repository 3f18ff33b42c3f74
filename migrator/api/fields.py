"""Fields whose words are ours: percentages, stages, and bodies that hold nothing unknown."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NoReturn

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from migrator.core.stages import Stage, percent
from migrator.inventory.runbooks import MAX_RUNBOOK, validate_runbook


@extend_schema_field({"type": "number", "minimum": 0, "maximum": 100, "multipleOf": 0.01})
class PercentField(serializers.Field[int, float | int, float | int, Any]):
    """A JSON number from 0 to 100 with at most two decimals outside, basis points inside."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int | float):
            self._refuse(data)
        # The shortest decimal that reads back as this number is what the caller wrote: 0.29 is 29, not 28.999….
        exact = Decimal(repr(data))
        if not exact.is_finite() or not 0 <= exact <= 100 or exact * 100 % 1:
            self._refuse(data)
        return int(exact * 100)

    def to_representation(self, value: int) -> float | int:
        return percent(value)

    def _refuse(self, data: Any) -> NoReturn:
        raise serializers.ValidationError(
            f"{self.field_name} is a number from 0 to 100 with at most two decimals, such as 12.5; not {shown(data)}."
        )


class StageField(serializers.ChoiceField):
    """The name of a stage. Unknown names are answered with the known ones."""

    def __init__(self, **options: Any) -> None:
        super().__init__(choices=[stage.value for stage in Stage], **options)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, str) or data not in list(Stage):
            raise serializers.ValidationError(f"{shown(data)} is no stage. Stages: {', '.join(Stage)}.")
        return Stage(data)


class RunbookField(serializers.CharField):
    """An http or https address, or words; empty for none. Too long or of another scheme is refused with the remedy."""

    def __init__(self, **options: Any) -> None:
        super().__init__(max_length=MAX_RUNBOOK, allow_blank=True, validators=[validate_runbook], **options)


def shown(data: Any) -> str:
    """What somebody sent, short enough to repeat to them."""
    text = repr(data)
    return text if len(text) <= 60 else f"{text[:57]}…"


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses names that it does not know and names that are not written here, instead of passing over them."""

    read_only_advice = "is not written here"

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return super().to_internal_value(data)
        fields = self.fields
        wrong = {
            str(name): f"{name} {self.read_only_advice}." if name in fields else self._unknown(str(name))
            for name in data
            if name not in fields or fields[name].read_only
        }
        if wrong:
            raise serializers.ValidationError(wrong)
        return super().to_internal_value(data)

    def _unknown(self, name: str) -> str:
        known = ", ".join(name for name, field in self.fields.items() if not field.read_only)
        return f"{shown(name)} is not known here. Known: {known}."
