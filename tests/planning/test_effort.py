"""Lines of code and specs, turned into effort."""

import json
import os
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from migrator.inventory.models import Project, Service, Unit
from migrator.inventory.services import Invalid, create_unit, save_service
from migrator.planning.attribution import Attributing, Target, glob, paths_in, points_of_specs, read_mapping
from migrator.planning.lines import LANGUAGES, count_lines, read, sources
from migrator.planning.models import Effort
from migrator.planning.services import set_effort
from tests.planning.conftest import ACTOR, NOW

# --------------------------------------------------------------------------------------- lines


@pytest.mark.parametrize(
    ("suffix", "text", "lines"),
    [
        (".py", "", 0),
        (".py", "import a\n\n# only words\nb = 1  # and words\n", 2),
        (".py", '"""Words\nand more\n"""\nx = 1\n', 1),
        (".py", 'x = """\ntext\n""" + y\n', 2),
        (".c", "/* a\n b */ int x;\n// c\nint y; /* z */ int q;\n/* one */ /* two */\n", 2),
        (".go", "a()/* b\nc\n*/\n", 1),
        (".sql", "-- words\nSELECT 1;\n", 1),
        (".lua", "--[[ a\nb ]] x = 1\n-- c\n", 1),
        (".ml", "(* a\n(*b*)\nlet x = 1\n", 1),
        (".rb", "=begin\nwords\n=end\nputs 1\r\n", 1),
        (".php", "# a\n// b\n/* c */\n$x = 1;", 1),
    ],
)
def test_lines__of_code__leave_out_blanks_and_comments(suffix: str, text: str, lines: int) -> None:
    assert count_lines(text, LANGUAGES[suffix]) == lines


def tree(root: Path, files: dict[str, str | bytes]) -> Path:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return root


def test_sources__of_a_tree__are_what_people_wrote(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "app/a.py": "x = 1\n",
            "b.GO": "x()\n",
            "readme.md": "words",
            "node_modules/c.js": "x()",
            "app/vendor/d.js": "x()",
            ".git/e.py": "x",
            "f.min.js": "x()",
            "g.js": "x" * 5_000,
            "h.py": b"x = 1\0",
            "i.py": b"x = '\xff'\n",
        },
    )
    (root / "link.py").symlink_to(root / "app/a.py")
    (root / "loop").symlink_to(root)
    assert [(each.path, each.lines) for each in sources(root)] == [("b.GO", 1), ("i.py", 1), ("app/a.py", 1)]


def test_read__of_a_file_that_is_gone__is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path / "gone.py", tmp_path) is None


# --------------------------------------------------------------------------------- attribution


def test_paths__in_code__are_found_whatever_the_framework_calls_parameters() -> None:
    code = """
        path("users/<int:pk>/", show)
        app.get('/orders/:id/lines', lines)
        fetch(`/carts/${cart.id}?full=1`)
        @route("GET /items/{id}")
        "no path" 'https' "/"
    """
    found = paths_in(code)
    assert {"/users/{}", "/orders/{}/lines", "/carts/{}", "/items/{}"} <= found


@pytest.mark.parametrize(
    ("pattern", "path", "parts"),
    [
        ("api/*.py", "api/users.py", {}),
        ("api/*.py", "api/v1/users.py", None),
        ("api/**/*.py", "api/v1/x/users.py", {}),
        ("api/**/*.py", "api/users.py", {}),
        ("{name}/handlers/**", "users/handlers/a/b.go", {"name": "users"}),
        ("{name}/{name}.go", "users/users.go", {"name": "users"}),
        ("{name}/{name}.go", "users/orders.go", None),
        ("a?.go", "ab.go", {}),
        ("a+(b).go", "a+(b).go", {}),
    ],
)
def test_glob__of_a_mapping__fits_files_and_names_their_parts(
    pattern: str, path: str, parts: dict[str, str] | None
) -> None:
    match = glob(pattern).fullmatch(path)
    assert (match.groupdict() if match else None) == parts


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[", "no YAML"),
        ("a: 1", "a list of"),
        ("[]", "a list of"),
        ("- files: x", "either a `unit` or a `service`"),
        ("- {files: x, unit: a, service: b}", "either"),
        ("- {files: x, unit: 3}", "Entry 1"),
        ("- {files: x, unit: a}\n- {file: x, unit: a}", "Entry 2: file is not known"),
    ],
)
def test_mapping__that_cannot_be_read__is_refused_by_entry(text: str, words: str) -> None:
    with pytest.raises(Invalid) as refused:
        read_mapping(text)
    assert words in refused.value.message


TARGETS = [
    Target(id=1, key="GET /users/{id}", service="users", endpoint=1),
    Target(id=2, key="GET /users/{id} $.name", service="users", endpoint=1),
    Target(id=3, key="DELETE /users/{id}", service="users", endpoint=3),
    Target(id=4, key="GET /orders", service="orders", endpoint=4),
]


def attributed(root: Path, mapping: str = "") -> Attributing:
    attributing = Attributing(targets=TARGETS, mapping=read_mapping(mapping) if mapping else ())
    for source in sources(root):
        attributing.take(source)
    return attributing


def test_attribution__by_paths_in_code__divides_a_file_among_what_it_names(tmp_path: Path) -> None:
    root = tree(tmp_path, {"u.js": "get('/users/:id')\nx()\ny()\nz()\n", "o.js": "'/orders'\n", "x.js": "q()\nq()\n"})
    found = attributed(root).found
    assert dict(found.lines) == {1: 1.0, 2: 1.0, 3: 2.0, 4: 1.0}
    assert (found.seen_files, found.unclaimed, dict(found.languages)) == (3, 2, {"JavaScript": 7})


def test_attribution__by_a_mapping__goes_by_its_first_fitting_entry(tmp_path: Path) -> None:
    root = tree(tmp_path, {"src/users/a.py": "x\n" * 6, "src/orders/b.py": "x\n" * 3, "src/none/c.py": "x\n"})
    mapping = """
        - {files: "src/users/*", unit: "DELETE /users/{id}"}
        - {files: "src/{name}/**", service: "{name}"}
    """
    found = attributed(root, mapping).found
    assert dict(found.lines) == {3: 6.0, 4: 3.0}
    assert found.unclaimed == 1


def test_attribution__by_functions__takes_their_blocks_alone(tmp_path: Path) -> None:
    code = "import x\ndef show(id):\n    a\n\n    b\ndef drop(id):\n    c\n"
    root = tree(tmp_path, {"api.py": code})
    mapping = """
        - {files: "api.py", unit: "GET /users/{id}", functions: "def show"}
        - {files: "api.py", unit: "DELETE /users/{id}", functions: "def drop"}
    """
    found = attributed(root, mapping).found
    assert dict(found.lines) == {1: 1.5, 2: 1.5, 3: 2.0}
    assert found.unclaimed == 1


def test_points__of_specs__grow_with_parameters_and_depth() -> None:
    deep = Target(id=9, key="GET /users/{id} $.home.city", service="users", endpoint=1)
    graphql = Target(id=8, key="User.name", service="users", endpoint=8)
    assert points_of_specs([*TARGETS, deep, graphql]) == {1: 2.0, 2: 1.0, 3: 2.0, 4: 1.0, 9: 2.0, 8: 1.0}


# ------------------------------------------------------------------------------------- command


@pytest.fixture
def units(project: Project) -> dict[str, Unit]:
    services: dict[str, Service] = {
        name: save_service(project=project, name=name) for name in {target.service for target in TARGETS}
    }
    made: dict[str, Unit] = {}
    for target in TARGETS:
        kind = "field" if "$" in target.key else "endpoint"
        made[target.key] = create_unit(
            project=project, service=services[target.service], key=target.key, kind=kind, now=NOW
        )
    return made


def run(*arguments: object) -> str:
    out = StringIO()
    call_command("count_effort", *map(str, arguments), stdout=out, stderr=StringIO())
    return out.getvalue()


def test_command__over_a_tree__tells_a_table_and_keeps_the_points(tmp_path: Path, units: dict[str, Unit]) -> None:
    root = tree(tmp_path, {"u.js": "get('/users/:id')\n" + "x()\n" * 399, "x.js": "q()\n"})
    told = run(root, "--project", "shop", "--points-per-100-lines", 2)
    assert "4.00       200       1  DELETE /users/{id}" in told
    assert "401 lines of code in 2 files (JavaScript 401); 1 lines are nobody's." in told
    assert "3 units estimated, 8.0 points in all; 1 units without a finding." in told
    found = {row.unit.key: (row.points, row.source, row.lines) for row in Effort.objects.select_related("unit")}
    assert found == {
        "GET /users/{id}": (2.0, "lines", 100),
        "GET /users/{id} $.name": (2.0, "lines", 100),
        "DELETE /users/{id}": (4.0, "lines", 200),
    }
    assert "0 have other points than before" in run(root, "--project", "shop", "--points-per-100-lines", 2)


def test_command__dry__keeps_nothing(tmp_path: Path, units: dict[str, Unit]) -> None:
    root = tree(tmp_path, {"u.js": "get('/orders')\n"})
    assert "would be estimated" in run(root, "--project", "shop", "--dry-run")
    assert not Effort.objects.exists()


def test_command__as_json__is_one_object(tmp_path: Path, units: dict[str, Unit]) -> None:
    root = tree(tmp_path, {"src/o.js": "x\n" * 200})
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text('- {files: "src/**", unit: "GET /orders"}')
    told: dict[str, Any] = json.loads(run(root, "--project", "shop", "--mapping", mapping, "--json"))
    unit = units["GET /orders"]
    assert told["units"] == [{"id": unit.pk, "key": "GET /orders", "points": 2.0, "lines": 200}]
    assert (told["source"], told["changed"], told["files"], told["unclaimed_lines"]) == ("lines", 1, 1, 0)


LONGEST_PATH = 4_095


@pytest.fixture
def too_deep(tmp_path: Path) -> Iterator[Path]:
    """A tree that is deeper than a path may be long: what lies at its end is seen, and nobody can open it.

    Nor can the superuser, who may read whatever somebody forbids.
    """
    root = tree(tmp_path, {"deep/u.js": "get('/orders')\n" * 100}) / "deep"
    length, folder = len(os.fsencode(root)), os.open(root, os.O_RDONLY)
    while length + 201 < LONGEST_PATH:
        os.mkdir("d" * 200, dir_fd=folder)
        inside = os.open("d" * 200, os.O_RDONLY, dir_fd=folder)
        os.close(folder)
        length, folder = length + 201, inside
    for letter in "abc":
        os.close(os.open(letter * 240 + ".py", os.O_CREAT | os.O_WRONLY, dir_fd=folder))
    os.mkdir("e" * 240, dir_fd=folder)
    os.close(folder)
    yield root
    shutil.rmtree(root)


def test_command__over_files_that_cannot_be_read__says_how_many_and_names_three(
    too_deep: Path, units: dict[str, Unit]
) -> None:
    out, err = StringIO(), StringIO()
    call_command("count_effort", str(too_deep), "--project", "shop", stdout=out, stderr=err)
    assert "100 lines of code in 1 files" in out.getvalue()
    assert "1 units estimated, 1.0 points in all" in out.getvalue()
    [warning] = err.getvalue().splitlines()
    assert warning.startswith("warning: 4 files or folders could not be read and not counted: ddd")
    assert warning.endswith("… and 1 more")
    assert warning.count("…, ") == 2
    told = json.loads(run(too_deep, "--project", "shop", "--json", "--dry-run"))
    assert (told["unread"], len(told["unread_first"]), told["files"]) == (4, 3, 1)


def test_command__over_files_that_can_all_be_read__has_nothing_to_warn_of(
    tmp_path: Path, units: dict[str, Unit]
) -> None:
    err = StringIO()
    root = tree(tmp_path, {"u.js": "get('/orders')\n", "b.py": b"\0"})
    call_command("count_effort", str(root), "--project", "shop", stdout=StringIO(), stderr=err)
    assert err.getvalue() == ""
    assert json.loads(run(root, "--project", "shop", "--json"))["unread"] == 0


def test_command__from_specs__leaves_alone_what_people_said(project: Project, units: dict[str, Unit]) -> None:
    by_hand = units["GET /orders"]
    set_effort(project=project, points={by_hand.pk: 13}, actor=ACTOR, now=NOW)
    assert "3 have other points than before" in run("--project", "shop", "--from-spec")
    assert Effort.objects.get(unit=by_hand).points == 13
    assert Effort.objects.get(unit=units["DELETE /users/{id}"]).source == "spec"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "Name the folder"),
        ((".", "--from-spec"), "Name the folder"),
        (("/nowhere/at/all",), "is not there"),
        ((".", "--mapping", "/nowhere.yaml"), "No such file"),
    ],
)
def test_command__of_bad_input__is_one_line_and_exit_code_2(
    project: Project, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words) as refused:
        run(*arguments, "--project", "shop")
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
    with pytest.raises(CommandError) as refused:
        run(".", "--project", "none")
    assert refused.value.returncode == 2
