"""The command that runs in a build: real repositories, a real control plane, a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from migrator.access.rights import console
from migrator.access.tokens import create_token
from migrator.core.stages import LADDER, RANK, Stage
from migrator.inventory.models import Project, Unit
from migrator.inventory.services import change_unit, create_unit, save_service
from migrator.removal.models import Reference, Scan
from migrator.removal.naming import fingerprint_of
from migrator.removal.services import save_repository
from migrator.rollout.services import Change, flip
from migrator.sdk.checkout import BRANCH_VARIABLES
from migrator.sdk.codenames import names_of
from migrator.sdk.codesearch import HIDDEN, Search, look_through

ROOT = Path(__file__).resolve().parents[2]


# -------------------------------------------------------------------------------------- names


def finds(key: str, line: str, *, kind: str = "endpoint", aliases: tuple[str, ...] = ()) -> bool:
    names = names_of(unit=1, key=key, kind=kind, aliases=list(aliases))
    return any(name.place_in(line) is not None for name in names)


@pytest.mark.parametrize(
    "line",
    [
        'x = "/users/{id}"',
        'path("users/<int:id>/", view)',
        'app.get("/users/:id", answer)',
        'requests.get("/users/" + str(user))',
        '"/users/" . $id',
        'f"/users/{user_id}"',
        "f'/users/{row[\"id\"]}?full=1'",
        "`${BASE}/users/${user.id}`",
        "{{host}}/users/{{id}}",
        '"https://api.example.com/users/42"',
        '"/users/%s" % user',
        'r"^users/(?P<id>\\d+)/$"',
        'client.run("GET /users/{id}", legacy=a, candidate=b)',
        '"/users/#{id}"',
        '"/users/$id"',
        '"/users/0b7a9a52-7a5e-4f0f-9f4b-1d3c5f2a9b10"',
        "See GET /users/{id}.",
    ],
)
def test_path__as_any_language_writes_it__is_found(line: str) -> None:
    assert finds("GET /users/{id}", line)


@pytest.mark.parametrize(
    "line",
    [
        'app.delete("/users/:id", answer)',
        '"DELETE /users/{id}"',
        '"/users/" + id + "/orders"',
        '"/users/{id}/orders"',
        '"/orgs/{org}/users/{id}"',
        '"/v2/users/{id}"',
        '"/superusers/{id}"',
        '"/users"',
        '"/users/me"',
        "many users/companies",
    ],
)
def test_path__of_another_endpoint__is_not_found(line: str) -> None:
    assert not finds("GET /users/{id}", line)


@pytest.mark.parametrize(
    ("key", "line", "found"),
    [
        ("GET /users/{id}/orders", '"/users/" + id + "/orders"', True),
        ("GET /users/{id}/orders", '"/users/" + id', False),
        ("GET /users/{id}/orders", '"/users/{id}/orders/{order}"', False),
        ("GET /health", 'get("/health")', True),
        ("GET /health", 'get("/healthz")', False),
        ("GET /health", '"health"', False),
        ("GET /users/{id} $.first_name", "user['first_name']", True),
        ("GET /users/{id} $.first_name", "first_name = 1", False),
        ("User.firstName", "  firstName", True),
        ("User.firstName", "  firstNames", False),
        ("Query.user", "  user(id: 1) {", True),
        ("Query.user", "the user of", False),
    ],
)
def test_name__of_each_kind__is_found_as_it_is_written(key: str, line: str, found: bool) -> None:
    kind = "field" if key[0] == "U" or "$" in key else "endpoint"
    assert finds(key, line, kind=kind) is found


def test_alias__as_a_whole_word__is_found() -> None:
    assert finds("GET /x/y", "LegacyUsers.load(1)", aliases=("LegacyUsers",))
    assert not finds("GET /x/y", "LegacyUsersView", aliases=("LegacyUsers",))


def test_key__without_a_word__has_no_name_to_look_for() -> None:
    assert names_of(unit=1, key="GET /{id}", kind="endpoint", aliases=[]) == []


def write(root: Path, files: dict[str, str | bytes]) -> list[str]:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return list(files)


def hits(root: Path, files: dict[str, str | bytes], *units: tuple[str, str]) -> list[tuple[int, str, int]]:
    names = [n for at, (key, kind) in enumerate(units) for n in names_of(unit=at, key=key, kind=kind, aliases=[])]
    found = Search(names).look_through(root, write(root, files))
    return sorted((hit.unit, hit.path, hit.line) for hit in found.hits)


def test_plain_names__in_files_that_do_not_speak_of_their_owner__do_not_count(tmp_path: Path) -> None:
    files: dict[str, str | bytes] = {
        "users.py": "get('/users/' + id)\nprint(user['name'])\n",
        "shops.py": "print(shop['name'])\n",
        "user.graphql": "fragment F on User {\n  name\n}\n",
        "shop.graphql": "fragment F on Shop {\n  name\n}\n",
        "notes.md": "the name of a User\n",
    }
    found = hits(tmp_path, files, ("GET /users/{id} $.name", "field"), ("User.name", "field"))
    assert found == [(0, "users.py", 2), (1, "user.graphql", 2)]


def test_search__binary_large_and_marked_lines__are_left_out(tmp_path: Path) -> None:
    line = 'get("/users/" + id)'
    files: dict[str, str | bytes] = {
        "a.bin": b"\0" + line.encode(),
        "b.txt": f"{line}\n" + "x" * 3_000_000,
        "c.py": f"{line}  # migrator:keep the candidate's own\n{line}\n",
        "d.py": 'text = "query {\\n' + line.replace('"', "'") + '\\n}"',
    }
    (tmp_path / "link.py").symlink_to(tmp_path / "c.py")
    names = names_of(unit=7, key="GET /users/{id}", kind="endpoint", aliases=[])
    found = Search(names).look_through(tmp_path, [*write(tmp_path, files), "link.py", "missing.py"])
    assert [(hit.path, hit.line) for hit in found.hits] == [("c.py", 2), ("d.py", 1)]
    assert (found.binary, found.large, found.kept, found.files) == (1, ["b.txt"], 1, 2)


def test_search__excerpts__are_short_and_without_secrets(tmp_path: Path) -> None:
    secret = "api_key = 'sk_live_4242abcdef4242' + '/users/' + id\n"
    write(tmp_path, {"a.py": secret, "b.py": "z" * 5_000 + ' get("/users/" + id) ' + "z" * 5_000})
    names = names_of(unit=7, key="GET /users/{id}", kind="endpoint", aliases=[])
    found = Search(names).look_through(tmp_path, ["a.py", "b.py"])
    assert found.hits[0].excerpt == HIDDEN
    assert "/users/" in found.hits[1].excerpt
    assert len(found.hits[1].excerpt) <= 200


def test_search__in_many_processes__finds_what_one_finds(tmp_path: Path) -> None:
    paths = write(tmp_path, {f"f{n}.py": f'get("/u{n % 50}/" + id)\n' * (n % 3) for n in range(400)})
    names = [n for u in range(50) for n in names_of(unit=u, key=f"GET /u{u}/{{id}}", kind="endpoint", aliases=[])]
    progress: list[tuple[int, int]] = []
    many = look_through(root=tmp_path, paths=paths, names=names, progress=lambda *at: progress.append(at), processes=2)
    one = look_through(root=tmp_path, paths=paths, names=names, progress=lambda *at: None, processes=1)
    assert many.hits == one.hits
    assert len(many.hits) == sum(n % 3 for n in range(400))
    assert progress[-1] == (400, 400)


# ------------------------------------------------------------------------------------ command


@pytest.fixture
def unit(transactional_db: None, project: Project) -> Unit:
    """In removal, with an alias."""
    service = save_service(project=project, name="users")
    now, actor = timezone.now(), console(name="setup")
    unit = create_unit(project=project, service=service, key="GET /users/{id}", kind="endpoint", now=now)
    unit = change_unit(unit=unit, aliases=["legacy_user"])
    create_unit(project=project, service=service, key="GET /orders", kind="endpoint", now=now)
    for rung in LADDER[1 : RANK[Stage.REMOVAL] + 1]:
        version = Unit.objects.get(pk=unit.pk).version
        change = Change(unit_id=unit.pk, version=version, stage=rung.stage)
        flip(project=project, changes=[change], actor=actor, reason="set up", now=now, override=True)
    save_repository(project=project, actor=actor, now=now, name="web")
    return Unit.objects.get(pk=unit.pk)


Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(unit: Unit, live_server: LiveServer, tmp_path: Path) -> Iterator[Run]:
    """`run("--fail", path=…)`: the command as a build calls it, with a token of the least scope."""
    token = create_token(name="ci", scope="ingest", now=timezone.now(), project=unit.project)
    environment = {name: value for name, value in os.environ.items() if name not in BRANCH_VARIABLES}

    def ran(*arguments: str, path: Path, repository: str = "web", **more: str) -> "subprocess.CompletedProcess[str]":
        told = {"--control-plane": live_server.url, "--token": token, "--project": "shop", "--repository": repository}
        flags = [part for name, value in (told | more).items() for part in (name, value)]
        command = [sys.executable, "-m", "migrator.sdk.references", *flags, *arguments, str(path)]
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
        )

    yield ran


def git(root: Path, *arguments: str) -> str:
    who = ["-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main"]
    done = subprocess.run(["git", *who, "-C", str(root), *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with two references, and one in a folder of somebody else's code."""
    root = tmp_path / "web"
    root.mkdir()
    write(
        root,
        {
            "app.py": 'import requests\n\nrequests.get("/users/" + user)\n',
            "über/legacy.py": "legacy_user(1)\n",
            "node_modules/x/index.js": 'get("/users/" + id)\n',
        },
    )
    git(root, "init", "-q")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "first")
    return root


def test_command__references_left__reports_them_at_the_commit(run: Run, unit: Unit, checkout: Path) -> None:
    (checkout / "untracked.py").write_text('get("/users/" + id)\n')
    done = run(path=checkout)

    assert (done.returncode, done.stderr) == (0, "")
    assert 'app.py:3: GET /users/{id}: requests.get("/users/" + user)' in done.stdout
    assert "2 lines still name 1 of 1 unit" in done.stdout
    scan = Scan.objects.get()
    assert (scan.commit, scan.branch, scan.dirty) == (git(checkout, "rev-parse", "HEAD"), "main", False)
    assert (scan.files, scan.found, scan.reporter) == (2, 2, "token ci")
    assert scan.looked_for == [fingerprint_of(unit)]
    assert list(Reference.objects.values_list("unit_id", "path", "line", "alias").order_by("path")) == [
        (unit.pk, "app.py", 3, "GET /users/{id}"),
        (unit.pk, "über/legacy.py", 1, "legacy_user"),
    ]


def test_command__told_to_fail__ends_with_one_until_nothing_is_left(run: Run, checkout: Path) -> None:
    assert run("--fail", path=checkout).returncode == 1
    git(checkout, "rm", "-q", "-r", "app.py", "über")
    git(checkout, "commit", "-qm", "gone")
    done = run("--fail", path=checkout)
    assert (done.returncode, done.stderr) == (0, "")
    assert "No line names any of 1 unit" in done.stdout


def test_command__tree_that_differs_from_its_commit__is_named_and_no_proof(run: Run, checkout: Path) -> None:
    (checkout / "app.py").write_text("nothing\n")
    done = run(path=checkout)
    assert "app.py differ from the commit, so this is no proof." in done.stdout
    assert Scan.objects.get().dirty
    assert not Scan.objects.counting().exists()


def test_command__another_branch__is_kept_and_no_proof(run: Run, checkout: Path) -> None:
    git(checkout, "switch", "-qc", "feature")
    assert "Branch feature is not the registered one" in run(path=checkout).stdout
    assert not Scan.objects.counting().exists()


def test_command__detached_commit__wants_its_branch_named(run: Run, checkout: Path) -> None:
    git(checkout, "checkout", "-q", "--detach")
    refused = run(path=checkout)
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--branch" in refused.stderr
    assert run("--branch", "main", path=checkout).returncode == 0
    assert Scan.objects.counting().count() == 1


def test_command__without_git__walks_and_takes_the_commit_it_is_told(run: Run, tmp_path: Path) -> None:
    root = tmp_path / "export"
    write(root, {"a/app.py": "legacy_user()\n", "vendor/b.py": "legacy_user()\n"})
    assert run(path=root).returncode == 2
    done = run("--commit", "abc123", path=root)
    assert done.returncode == 0, done.stderr
    scan = Scan.objects.get()
    assert (scan.commit, scan.branch, scan.found, scan.files) == ("abc123", "main", 1, 1)


def test_command__all__looks_for_units_that_are_not_in_removal_yet(run: Run, checkout: Path) -> None:
    write(checkout, {"orders.py": 'get("/orders")\n'})
    git(checkout, "add", "-A")
    git(checkout, "commit", "-qm", "orders")
    assert "/orders" not in run(path=checkout).stdout
    assert 'orders.py:1: GET /orders: get("/orders")' in run("--all", path=checkout).stdout


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"repository": "ios"}, "no repository 'ios'. It has: web."),
        ({"--token": "mig_wrong"}, "(401)"),
        ({"--project": "nowhere"}, "(404)"),
        ({"--control-plane": "http://127.0.0.1:9"}, "does not answer"),
        ({"--control-plane": "ftp://x"}, "--control-plane takes an http or https address"),
        ({"--commit": "0000000"}, "not at 0000000"),
        ({"path": Path("/nonexistent")}, "/nonexistent is no folder"),
    ],
)
def test_command__wrong_input__ends_with_two_and_one_line(
    run: Run, checkout: Path, change: dict[str, Any], said: str
) -> None:
    done = run(**{"path": checkout, **change})
    assert (done.returncode, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert said in done.stderr
    assert not Scan.objects.exists()


def test_command__repository_without_a_commit__ends_with_two(run: Run, tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    done = run(path=tmp_path)
    assert (done.returncode, done.stderr.strip().rpartition("has ")[2]) == (2, "no commit yet")


def test_command__loaded__needs_neither_django_nor_celery() -> None:
    script = "import sys, json, migrator.sdk.references; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"django", "celery"} & set(json.loads(done.stdout))
