"""Which pairs are kept as examples: few of each unit, and not all of one kind."""

from collections.abc import Sequence
from typing import Final

from migrator.core.comparison import Comparison
from migrator.core.redaction import FINDINGS, findings, redact_path
from migrator.core.routing import endpoint_of
from migrator.core.tally import subject_hash
from migrator.core.wire import Manners, Outcome, Sample
from migrator.gateway.identity import Identity
from migrator.gateway.record import Record, Reply, sides
from migrator.sdk.few import Few

MAX_ERROR: Final = 500
_SHOWN: Final = frozenset({Outcome.MISMATCH, Outcome.CANDIDATE_ERROR})


class Samples:
    """Chooses the examples of one worker."""

    def __init__(self) -> None:
        self._allowed: Sequence[str] = ()
        self._identity = Identity(Manners())
        self._few = Few()

    def apply(self, manners: Manners) -> None:
        """Show what another table allows."""
        self._allowed = manners.value_paths
        self._identity = Identity(manners)

    def of(self, record: Record, outcome: Outcome, comparison: Comparison) -> Sample | None:
        """The pair as an example, redacted; None where enough of its kind are kept. Alike are pairs that differ at
        the same places, all of them taken together.
        """
        if outcome not in _SHOWN:
            return None
        kind = frozenset(comparison.shapes) or _error(record)
        if not self._few.admits(unit=record.route.unit.id, kind=(outcome, kind), at=record.at):
            return None
        return self._sample(record, outcome, comparison)

    def _sample(self, record: Record, outcome: Outcome, comparison: Comparison) -> Sample:
        unit, served = record.route.unit, record.served
        assert served is not None
        legacy, candidate = sides(record)
        endpoint = endpoint_of(unit.key)
        return Sample(
            unit=unit.id,
            evidence_epoch=unit.evidence_epoch,
            at=record.at,
            outcome=outcome,
            served=served.side,
            method=record.method,
            path=redact_path(record.target, endpoint and endpoint[1], self._allowed),
            legacy_status=_status(legacy),
            candidate_status=_status(candidate),
            legacy_bytes=None if legacy is None else legacy.size,
            candidate_bytes=None if candidate is None else candidate.size,
            legacy_ms=None if legacy is None else round(legacy.milliseconds, 3),
            candidate_ms=None if candidate is None else round(candidate.milliseconds, 3),
            error=_error(record) or comparison.failure,
            findings=findings(comparison, self._allowed),
            truncated=comparison.truncated or len(comparison.differences) > FINDINGS,
            subject=None if record.subject is None else subject_hash(record.subject),
            caller=self._identity.caller(record),
            legacy_build=self._identity.build(legacy),
            candidate_build=self._identity.build(candidate),
        )


def _status(reply: Reply | None) -> int | None:
    return None if reply is None else reply.status or None


def _error(record: Record) -> str | None:
    """Why the candidate gave no answer, in words."""
    replies = [reply.error for reply in (record.served, record.mirrored) if reply is not None and reply.error]
    reason = record.fallback or next(iter(replies), None)
    return None if reason is None else reason[:MAX_ERROR]
