"""Tamper evidence: flips sealed by the ledger's chain, and the check that finds what was done to either.

Each transaction's flips are hashed together into one link of the project's chain (migrator.ledger), so an
edited, deleted, reordered or forged entry no longer fits its link, and an edited link no longer fits the next
one. Only the newest links could be cut off unseen: an anchor, the head as somebody outside has kept it, finds that.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from django.db.models import Q

from migrator.access.rights import Actor
from migrator.inventory.models import Project
from migrator.ledger.models import Entry, Kind
from migrator.ledger.services import NOTHING, canonical, digest_of, record
from migrator.rollout.models import Flip


def seal(*, project: Project, flips: Sequence[Flip], actor: Actor, reason: str, back: bool, now: datetime) -> Entry:
    """Link flips that are about to be written into the chain, all of a transaction under one link."""
    body = {"flips": len(flips), "version": flips[0].version, "epoch": flips[0].epoch, "digest": digest(flips)}
    unit = flips[0].unit if len(flips) == 1 else None
    kind = Kind.ROLLBACK if back else Kind.FLIP
    entry = record(project=project, kind=kind, actor=actor, now=now, body=body, unit=unit, reason=reason)
    for flip in flips:
        flip.entry = entry
    return entry


def digest(flips: Iterable[Flip]) -> str:
    """SHA-256 over the content of flips, in the order of their units."""
    total = hashlib.sha256()
    for flip in sorted(flips, key=lambda flip: (flip.unit_id, flip.unit_version)):
        total.update(canonical(_content(flip)) + b"\n")
    return total.hexdigest()


def _content(flip: Flip) -> dict[str, object]:
    return {
        "unit": flip.unit_id,
        "unit_version": flip.unit_version,
        "at": flip.at.astimezone(UTC).isoformat(timespec="microseconds"),
        "actor": flip.actor,
        "user": flip.user_id,
        "via": str(flip.via),
        "reason": flip.reason,
        "direction": str(flip.direction),
        "override": flip.override,
        "from": [str(flip.from_stage), flip.from_candidate_bp, flip.from_mirror_bp],
        "to": [str(flip.to_stage), flip.to_candidate_bp, flip.to_mirror_bp],
        "version": [flip.epoch, flip.version],
        "evidence": flip.evidence,
    }


# ------------------------------------------------------------------------------------- checking


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchor:
    """A chain's head as somebody outside keeps it."""

    project: str
    number: int
    digest: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """Something that does not fit. `number` is the link where it shows, None where it has none."""

    number: int | None
    sentence: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """What a check of one project's ledger found."""

    links: int
    flips: int
    unsealed: int
    """Flips from before the chain began: nothing vouches for them."""
    faults: tuple[Fault, ...]

    @property
    def sound(self) -> bool:
        return not self.faults

    @property
    def sentence(self) -> str:
        if self.faults:
            more = f" {len(self.faults) - 1:,} more." if len(self.faults) > 1 else ""
            return f"The ledger was tampered with: {self.faults[0].sentence}{more}"
        told = f"{self.links:,} links and {self.flips:,} flips fit together."
        return told + (f" {self.unsealed:,} flips are older than the chain." if self.unsealed else "")


def anchor(*, project: Project) -> Anchor | None:
    """The head of the chain, to be kept where nobody who can write this database can write. None without a link."""
    head = Entry.objects.filter(project=project).order_by("-number").first()
    if head is None:
        return None
    return Anchor(project=project.slug, number=head.number, digest=head.digest, at=head.at)


def check(*, project: Project, kept: Anchor | None = None) -> Check:
    """Hash everything again. Reads the whole ledger of a project, a few thousand rows at a time."""
    links = list(Entry.objects.filter(project=project).order_by("number").defer("user", "unit"))
    faults = [*_links_that_do_not_fit(links), *_anchor_that_does_not_fit(links, kept)]
    sealing = {link.pk: link for link in links if link.kind in (Kind.FLIP, Kind.ROLLBACK)}
    flips = 0
    for pk, sealed in groupby(_sealed_flips(project), key=lambda flip: flip.entry_id):
        group = list(sealed)
        flips += len(group)
        faults += _flips_that_do_not_fit(sealing.pop(pk or 0, None), group)
    faults += [
        Fault(
            number=link.number, sentence=f"Link {link.number} seals {link.body.get('flips')} flips, and none is there."
        )
        for link in sealing.values()
    ]
    unsealed, forged = _unsealed(project)
    faults += forged
    return Check(links=len(links), flips=flips, unsealed=unsealed, faults=tuple(faults))


def _sealed_flips(project: Project) -> Iterator[Flip]:
    flips = Flip.objects.filter(project=project, entry__isnull=False).order_by("entry_id", "unit_id", "unit_version")
    return flips.iterator(chunk_size=5_000)


def _links_that_do_not_fit(links: Sequence[Entry]) -> Iterator[Fault]:
    before, number = NOTHING, 0
    for link in links:
        if link.number != number + 1:
            yield Fault(number=link.number, sentence=f"Between link {number} and link {link.number} some are missing.")
        elif link.previous != before:
            yield Fault(number=link.number, sentence=f"Link {link.number} does not follow the one before it.")
        if digest_of(link) != link.digest:
            yield Fault(number=link.number, sentence=f"Link {link.number} was changed after it was written.")
        before, number = link.digest, link.number


def _anchor_that_does_not_fit(links: Sequence[Entry], kept: Anchor | None) -> Iterator[Fault]:
    if kept is None:
        return
    if kept.number > len(links):
        yield Fault(number=kept.number, sentence=f"The anchor knows link {kept.number}, and the chain ends before it.")
    elif links[kept.number - 1].digest != kept.digest:
        yield Fault(number=kept.number, sentence=f"Link {kept.number} is not the one that the anchor knows.")


def _flips_that_do_not_fit(link: Entry | None, flips: Sequence[Flip]) -> Iterator[Fault]:
    if link is None:
        yield Fault(number=None, sentence=f"{len(flips)} flips name a link that seals no flips, such as {flips[0].pk}.")
    elif link.body.get("flips") != len(flips):
        told = f"Link {link.number} seals {link.body.get('flips')} flips, and {len(flips)} are there."
        yield Fault(number=link.number, sentence=told)
    elif link.body.get("digest") != digest(flips):
        told = f"A flip under link {link.number} was changed after it was written"
        yield Fault(number=link.number, sentence=f"{told} (one of {len(flips)}, such as flip {flips[0].pk}).")


def _unsealed(project: Project) -> tuple[int, list[Fault]]:
    """How many flips are older than the chain, and those without a link that are not."""
    first = (
        Flip.objects.filter(project=project, entry__isnull=False).order_by("pk").values_list("pk", flat=True).first()
    )
    unsealed = Flip.objects.filter(project=project, entry__isnull=True)
    forged = unsealed.filter(Q(pk__gt=first)) if first else unsealed.none()
    faults = [Fault(number=None, sentence=f"Flip {flip.pk} has no link: it was forged.") for flip in forged[:10]]
    return unsealed.count() - forged.count(), faults
