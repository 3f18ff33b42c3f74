"""Which reports are counted already: what makes a report count once, however often it comes."""

from bisect import bisect_left
from typing import Final

from migrator.core.wire import Report
from migrator.observations.folding import MOST, Fate
from migrator.observations.models import ReportSource

GAP_LIMIT: Final = 256
"""A report is waited for until this many later ones came. A source sends again what it knows to be missing."""


def admit(row: ReportSource, seq: int) -> bool:
    """Note that the source's report `seq` is counted. False where it was before."""
    at = bisect_left(row.ahead, seq)
    if seq <= row.committed_seq or (at < len(row.ahead) and row.ahead[at] == seq):
        row.repeated += 1
        return False
    row.ahead.insert(at, seq)
    _close_ranks(row)
    if len(row.ahead) > GAP_LIMIT:
        row.given_up += row.ahead[0] - row.committed_seq - 1
        row.committed_seq = row.ahead[0] - 1
        _close_ranks(row)
    return True


def progress(row: ReportSource, report: Report) -> tuple[int, int, int]:
    """Take over the report's cumulative counts; how much sent, dropped and passed grew by it.

    Reports may come out of order: only what is beyond the highest count so far is growth.
    """
    grown = []
    for name, count in (("sent", report.sent), ("dropped", report.dropped), ("passed", report.passed)):
        before = getattr(row, name)
        growth = min(max(count - before, 0), MOST)
        setattr(row, name, before + growth)
        grown.append(growth)
    return grown[0], grown[1], grown[2]


def settle(row: ReportSource, fate: Fate) -> None:
    """Add what became of one report's observations."""
    row.committed += fate.committed
    row.stray += fate.stray
    row.refused += fate.refused


def _close_ranks(row: ReportSource) -> None:
    """Move the watermark over what directly follows it."""
    followers = 0
    while followers < len(row.ahead) and row.ahead[followers] == row.committed_seq + 1 + followers:
        followers += 1
    row.committed_seq += followers
    del row.ahead[:followers]
