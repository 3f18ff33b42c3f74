"""What somebody sets of a policy, checked setting by setting, so that each error can stand beside its control."""

import math
from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Final

import msgspec

from migrator.core.policy import SETTINGS, Policy
from migrator.inventory.services import Invalid

FIELD: Final = "settings"
MOST: Final = 50
"""Members of a list, such as kinds of caller."""


def checked_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as plain JSON, in the one way they are stored. Raises Invalid with the field `settings.<name>`."""
    return {name: checked_setting(name, value) for name, value in sorted(settings.items())}


def checked_setting(name: str, value: Any) -> Any:
    """One setting's value as plain JSON. Raises Invalid."""
    if name not in SETTINGS:
        meant = get_close_matches(name, SETTINGS, n=1)
        raise Invalid(f"{FIELD}.{name[:60]}", f"There is no setting {name[:60]!r}.{_meant(meant)}")
    if isinstance(value, float) and not math.isfinite(value):
        raise Invalid(f"{FIELD}.{name}", f"{name}: {value} is no number to compare with.")
    try:
        policy = msgspec.convert({name: value}, Policy)
    except msgspec.ValidationError as error:
        told = str(error).partition(" - at ")[0].replace("`", "")
        raise Invalid(f"{FIELD}.{name}", f"{name}: {told}.") from None
    kept = msgspec.to_builtins(getattr(policy, name))
    if isinstance(kept, list | tuple):
        kept = list(dict.fromkeys(kept))
        if len(kept) > MOST:
            raise Invalid(f"{FIELD}.{name}", f"{name}: at most {MOST} are kept.")
    return kept


def _meant(names: list[str]) -> str:
    return f" Did you mean {names[0]}?" if names else ""
