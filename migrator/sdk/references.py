"""`python -m migrator.sdk.references`: which lines of a checkout still name what is being removed from legacy.

    python -m migrator.sdk.references --control-plane https://migrator.example --token "$TOKEN" \\
        --project shop --repository web

Runs in a build: asks the control plane for the names of the units in removal, looks through what git tracks, and
reports the lines with the commit. Ends with 0; with `--fail`, with 1 where a reference is left; with 2 where
something is wrong with what it was told.
"""

import argparse
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode, urlsplit
from urllib.request import Request, urlopen

from migrator.sdk.arguments import Parser
from migrator.sdk.checkout import Checkout, CheckoutError, read_checkout
from migrator.sdk.codenames import Name, names_of
from migrator.sdk.codesearch import Found, Hit, look_through

PATIENCE: Final = 60.0
MAX_LINES: Final = 20_000
"""Lines that are reported."""
MOST_PER_UNIT: Final = 50
SHOWN: Final = 50
"""Lines that are printed."""
_BAR: Final = 30


class Trouble(Exception):
    """What ends the command: one line, exit code 2."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A unit to look for, as the control plane names it."""

    unit: int
    key: str
    fingerprint: str
    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class Plane:
    """The control plane's REST API of one project."""

    url: str
    token: str
    project: str

    def wanted(self, *, everything: bool) -> list[Wanted]:
        """The units to look for. Raises Trouble."""
        asked = {"page_size": "1000"} | ({"all": "true"} if everything else {})
        address: str | None = f"{self._scans}wanted/?{urlencode(asked)}"
        found = []
        while address:
            page = self._ask(address)
            for each in page["results"]:
                names = names_of(unit=each["unit"], key=each["key"], kind=each["kind"], aliases=each["aliases"])
                found.append(Wanted(each["unit"], each["key"], each["fingerprint"], tuple(names)))
            # Pages say where the next one begins; how the control plane calls itself may not be how we reach it.
            following = page["next"]
            address = f"{self._scans}wanted/?{urlsplit(following).query}" if following else None
        return found

    def report(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Hand in a scan. Raises Trouble."""
        return self._ask(self._scans, json.dumps(body).encode())

    @property
    def _scans(self) -> str:
        return f"{self.url.rstrip('/')}/api/v1/projects/{self.project}/scans/"

    def _ask(self, address: str, body: bytes | None = None) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = Request(address, data=body, headers=headers)  # noqa: S310 - http or https, see _checked
        try:
            with urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
                document = json.load(answer)
        except HTTPError as refusal:
            raise Trouble(_refusal(refusal)) from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise Trouble(f"the control plane at {self.url} does not answer: {reason}") from None
        except ValueError:
            raise Trouble(f"{self.url} does not answer like a control plane") from None
        if not isinstance(document, dict):
            raise Trouble(f"{self.url} does not answer like a control plane")
        return document


def _refusal(refusal: HTTPError) -> str:
    """A problem as one line: what is wrong with which field."""
    try:
        problem = json.loads(refusal.read(65_536))
        said = [error["message"] for error in problem.get("errors", ())] or [problem["detail"]]
    except (ValueError, LookupError, TypeError, AttributeError, OSError):
        said = [str(refusal.reason)]
    return f"the control plane refuses ({refusal.code}): {' '.join(' '.join(map(str, said)).split())}"


def main(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Look and report. Returns the exit code."""
    given = _read(arguments, environment)
    plane = Plane(url=given.control_plane, token=given.token, project=given.project)
    try:
        checkout = read_checkout(
            path=Path(given.path), commit=given.commit, branch=given.branch, environment=environment
        )
        return _scan(plane, checkout, repository=given.repository, everything=given.all, fail=given.fail)
    except (CheckoutError, Trouble) as trouble:
        sys.stderr.write(f"migrator.sdk.references: {trouble}\n")
        return 2


def _scan(plane: Plane, checkout: Checkout, *, repository: str, everything: bool, fail: bool) -> int:
    wanted = plane.wanted(everything=everything)
    began = time.monotonic()
    names = [name for each in wanted for name in each.names]
    found = look_through(root=checkout.root, paths=checkout.files, names=names, progress=_progress())
    seconds = time.monotonic() - began
    answer = plane.report(_report(repository, checkout, wanted, found, seconds=seconds, patterns=len(names)))
    keys = {each.unit: each.key for each in wanted}
    for line in _told(checkout, wanted, found, keys, answer, seconds=seconds):
        sys.stdout.write(f"{line}\n")
    return 1 if fail and found.hits else 0


def _report(
    repository: str, checkout: Checkout, wanted: Sequence[Wanted], found: Found, *, seconds: float, patterns: int
) -> dict[str, Any]:
    return {
        "repository": repository,
        "commit": checkout.commit,
        "branch": checkout.branch,
        "dirty": bool(checkout.dirty),
        "files": found.files,
        "seconds": round(seconds, 3),
        "patterns": patterns,
        "found": len(found.hits),
        # What has no name that could be looked for was not looked for.
        "looked_for": [each.fingerprint for each in wanted if each.names],
        "references": [asdict(hit) for hit in _fitting(found.hits)],
    }


def _fitting(hits: Sequence[Hit]) -> list[Hit]:
    """So many lines of each unit that all units fit: one is enough to say that something is left."""
    most = max(1, min(MOST_PER_UNIT, MAX_LINES // max(1, len({hit.unit for hit in hits}))))
    seen: Counter[int] = Counter()
    kept = []
    for hit in hits:
        seen[hit.unit] += 1
        if seen[hit.unit] <= most:
            kept.append(_sendable(hit))
    return kept[:MAX_LINES]


def _sendable(hit: Hit) -> Hit:
    path = hit.path.encode("utf-8", "replace").decode()
    return Hit(hit.unit, path, hit.line, hit.excerpt, hit.alias)


def _told(
    checkout: Checkout,
    wanted: Sequence[Wanted],
    found: Found,
    keys: Mapping[int, str],
    answer: Mapping[str, Any],
    *,
    seconds: float,
) -> list[str]:
    """What is printed: the lines, then a sentence, then whatever makes it less than proof."""
    hits = found.hits
    lines = [f"{_sendable(hit).path}:{hit.line}: {keys[hit.unit]}: {hit.excerpt}" for hit in hits[:SHOWN]]
    if len(hits) > SHOWN:
        lines.append(f"… and {len(hits) - SHOWN:,} more")
    left = f"{_count(len(hits), 'line')} still {'names' if len(hits) == 1 else 'name'}" if hits else "No line names"
    units = f"{len({hit.unit for hit in hits}):,} of " if hits else "any of "
    lines.append(
        f"{left} {units}{_count(len(wanted), 'unit')}, in {_count(found.files, 'file')} at {checkout.commit[:12]}"
        f" ({seconds:.1f} s). Reported as scan {answer.get('id')}."
    )
    nameless = [each.key for each in wanted if not each.names]
    for names, trouble in (
        (checkout.dirty, "differ from the commit, so this is no proof"),
        (found.large, "are larger than 2 MB and were left out"),
        (found.unreadable, "could not be read"),
        (nameless, "have no name that could be looked for"),
    ):
        if names:
            shown = ", ".join(name.encode("utf-8", "replace").decode() for name in names[:3])
            lines.append(f"{shown}{f' and {len(names) - 3:,} more' if len(names) > 3 else ''} {trouble}.")
    if found.kept:
        lines.append(f"{_count(found.kept, 'line')} marked migrator:keep left out.")
    if not answer.get("counts") and not checkout.dirty:
        lines.append(f"Branch {checkout.branch} is not the registered one, so this is no proof.")
    return lines


def _count(quantity: int, noun: str) -> str:
    return f"{quantity:,} {noun}{'' if quantity == 1 else 's'}"


def _progress() -> Callable[[int, int], None]:
    """A bar where somebody looks on; nothing in a log."""
    if not sys.stderr.isatty():
        return lambda done, total: None

    def show(done: int, total: int) -> None:
        filled = _BAR * done // max(1, total)
        end = "\r\033[K" if done >= total else ""
        sys.stderr.write(f"\r[{'#' * filled}{' ' * (_BAR - filled)}] {done:,} of {total:,} files{end}")
        sys.stderr.flush()

    return show


# ------------------------------------------------------------------------------------ arguments


def _read(arguments: Sequence[str], environment: Mapping[str, str]) -> argparse.Namespace:
    """Arguments win over the environment. What cannot be is said in one line, and the process ends with 2."""
    parser = Parser(
        prog="migrator.sdk.references",
        description="Which lines of a checkout still name what is being removed.",
        environment=environment,
    )
    parser.told("repository", "name under which the repository is registered")
    parser.add_argument("--commit", help="the commit that is looked through; git's, where git is")
    parser.add_argument("--branch", help="its branch; git's or the build server's, where they say")
    parser.add_argument("--all", action="store_true", help="look for every unit, not only those in removal and removed")
    parser.add_argument("--fail", action="store_true", help="end with 1 where a reference is left")
    parser.add_argument("path", nargs="?", default=".", metavar="PATH", help="the checkout; here, if left out")
    return parser.read(arguments, _checked)


def _checked(given: argparse.Namespace) -> argparse.Namespace:
    if not given.repository:
        raise ValueError("--repository takes a name")
    return given


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], dict(os.environ)))
