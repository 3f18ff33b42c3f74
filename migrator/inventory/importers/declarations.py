"""What a document declares of an operation beside what it is: where its runbook lies, and whether it can be undone.

In OpenAPI `x-migrator-runbook` and `x-migrator-irreversible` at an operation or a path, in GraphQL
`@migrator(runbook: "…", irreversible: true)` at a field. What a document does not say stays as people set it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from migrator.core.stages import Operation
from migrator.inventory.importers.spec import Findings
from migrator.inventory.runbooks import flaw

RUNBOOK: Final = "x-migrator-runbook"
IRREVERSIBLE: Final = "x-migrator-irreversible"
_TRUTHS: Final = {"true": True, "false": False}
"""YAML scalars stay text, see documents.py."""


class Declared(NamedTuple):
    """What is said. Empty and None where nothing is."""

    runbook: str = ""
    irreversible: bool | None = None


def declared(
    *, key: str, operation: Operation, runbooks: Iterable[object], irreversibles: Iterable[object], findings: Findings
) -> Declared:
    """The first of each that is said, nearest first. What cannot be meant is left out with a warning."""
    runbook = next((told for told in runbooks if told is not None), "")
    irreversible = next((told for told in irreversibles if told is not None), None)
    return Declared(
        runbook=_runbook(key, runbook, findings), irreversible=_irreversible(key, operation, irreversible, findings)
    )


def _runbook(key: str, told: object, findings: Findings) -> str:
    text = told.strip() if isinstance(told, str) else ""
    wrong = flaw(text) if isinstance(told, str) else "it is no text"
    if wrong:
        findings.warn(f"{key}: its runbook was left out: {wrong}")
    return "" if wrong else text


def _irreversible(key: str, operation: Operation, told: object, findings: Findings) -> bool | None:
    if told is None:
        return None
    said = _TRUTHS.get(str(told).lower())
    if said is None:
        findings.warn(f"{key}: whether it is irreversible is true or false, not {str(told)[:40]!r}")
    if said and operation is not Operation.WRITE:
        findings.warn(f"{key} reads: only a write can be irreversible")
        return None
    return said
