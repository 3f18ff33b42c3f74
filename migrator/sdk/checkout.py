"""Which files a checkout holds, and at which commit. Without git, a folder and what its caller says of it."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from migrator.sdk.codesearch import VENDORED, is_ours

BRANCH_VARIABLES: Final = (
    "GITHUB_REF_NAME",
    "CI_COMMIT_REF_NAME",
    "BITBUCKET_BRANCH",
    "BUILDKITE_BRANCH",
    "BRANCH_NAME",
)
"""Where build servers say which branch they build: they check out a commit, not a branch."""
_SECONDS: Final = 60


class CheckoutError(ValueError):
    """A folder that cannot be named as a commit. The message is one line."""


@dataclass(frozen=True, slots=True)
class Checkout:
    """What is looked through."""

    root: Path
    commit: str
    branch: str
    """Empty where nobody says: then the registered one is meant."""
    dirty: tuple[str, ...]
    """Files that differ from the commit."""
    files: tuple[str, ...]


def read_checkout(*, path: Path, commit: str | None, branch: str | None, environment: Mapping[str, str]) -> Checkout:
    """The files of a folder. `commit` and `branch` are what the caller says; git is asked where it is there.

    Raises CheckoutError.
    """
    if not path.is_dir():
        raise CheckoutError(f"{path} is no folder")
    head = _head(path)
    if head is None:
        if not commit:
            raise CheckoutError(f"{path} is no git checkout: name the commit with --commit")
        return Checkout(path, commit, branch or "", (), tuple(_walk(path)))
    if commit and not head.startswith(commit.lower()):
        raise CheckoutError(f"{path} is at commit {head[:12]}, not at {commit[:40]}")
    changed = _git(path, "status", "--porcelain", "-z", "--untracked-files=no", "--no-renames", "--", ".")
    listed = _git(path, "ls-files", "-z", "--", ".")
    return Checkout(
        root=path,
        commit=head,
        branch=branch or _branch(path, environment),
        dirty=tuple(entry[3:] for entry in changed.split("\0") if entry),
        files=tuple(sorted(name for name in set(listed.split("\0")) if name and is_ours(name))),
    )


def _head(path: Path) -> str | None:
    """The commit that is checked out; None where no git is. Raises CheckoutError before the first commit."""
    try:
        inside = _run(path, "rev-parse", "--is-inside-work-tree")
    except FileNotFoundError:
        return None
    if inside.returncode != 0:
        # git also refuses a checkout of somebody else: to walk through it as if it were none would lose the commit.
        if b"not a git repository" in inside.stderr or not (path / ".git").exists():
            return None
        raise CheckoutError(_said(inside))
    try:
        return _git(path, "rev-parse", "--verify", "HEAD").strip()
    except CheckoutError:
        raise CheckoutError(f"{path} has no commit yet") from None


def _branch(path: Path, environment: Mapping[str, str]) -> str:
    """The branch; of a detached commit, the one that the build server names. Raises CheckoutError."""
    name = _git(path, "rev-parse", "--abbrev-ref", "HEAD").strip()
    if name != "HEAD":
        return name
    told = next((environment[variable] for variable in BRANCH_VARIABLES if environment.get(variable)), "")
    if not told:
        raise CheckoutError(f"{path} is at a commit without a branch: name it with --branch")
    return told


def _walk(root: Path) -> list[str]:
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in VENDORED]
        at = Path(folder).relative_to(root)
        found += [name for each in files if is_ours(name := (at / each).as_posix())]
    return sorted(found)


def _git(path: Path, *arguments: str) -> str:
    answer = _run(path, *arguments)
    if answer.returncode != 0:
        raise CheckoutError(_said(answer))
    return answer.stdout.decode("utf-8", "surrogateescape")


def _run(path: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    command = ["git", "-C", str(path), *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
    except subprocess.TimeoutExpired:
        raise CheckoutError(f"git {arguments[0]} took longer than {_SECONDS} seconds") from None


def _said(answer: "subprocess.CompletedProcess[bytes]") -> str:
    said = answer.stderr.decode("utf-8", "replace").strip().splitlines()
    return f"git: {said[0] if said else f'ended with {answer.returncode}'}"
