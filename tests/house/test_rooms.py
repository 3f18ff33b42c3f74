"""The rooms of the house: who may import whom, and what nobody may forget to write down."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
MAKEFILE = (ROOT / "Makefile").read_text()
BESIDE_PRODUCTION = ("migrator.sdk", "migrator.gateway")


@pytest.mark.parametrize("package", BESIDE_PRODUCTION)
def test_package__imported_in_a_fresh_process__brings_neither_django_nor_celery(package):
    """import-linter reads import statements; this sees what `__init__.py` and libraries really load."""
    code = f"import sys, {package}; print(*sorted({{name.partition('.')[0] for name in sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert not {"django", "celery", "kombu", "psycopg", "redis"} & set(done.stdout.split())


def test_migrator__imported__is_empty():
    assert (ROOT / "migrator/__init__.py").read_text() == ""


def test_imports__point_downwards_only():
    linter = Path(sys.executable).parent / "lint-imports"
    if not linter.exists():
        pytest.skip("import-linter is not installed: make test installs it")
    done = subprocess.run([str(linter), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout[-3000:]


def python_files() -> list[Path]:
    return [path for room in ("migrator", "dashboards", "demo") for path in (ROOT / room).rglob("*.py")]


def test_imports__inside_functions__do_not_exist():
    """They hide cycles from whoever reads the top of a file, and from import-linter's reader."""
    hidden = [
        f"{path.relative_to(ROOT)}:{statement.lineno}"
        for path in python_files()
        for function in ast.walk(ast.parse(path.read_text()))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement in ast.walk(function)
        if isinstance(statement, ast.Import | ast.ImportFrom)
    ]
    assert hidden == []


def test_files__stay_short_enough_to_read():
    lines = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in python_files()}
    assert {name: count for name, count in lines.items() if count > 400 and "/migrations/" not in name} == {}


OF_OTHERS = {"DJANGO_SETTINGS_MODULE", "XDG_STATE_HOME"}
"""Variables that we read and did not invent."""


def environment_settings() -> set[str]:
    """Every variable that the product reads from its environment. The gateway says its own in `--help`."""
    settings = (ROOT / "migrator/settings.py").read_text()
    found = set(re.findall(r"""env(?:\.\w+)?\(\s*"([A-Z_0-9]+)\"""", settings))
    for path in [ROOT / "migrator/asgi.py", *(ROOT / "migrator/local").glob("*.py")]:
        found |= set(re.findall(r"""environ(?:\.get\(|\[)\s*"([A-Z_0-9]+)\"""", path.read_text()))
    return found - OF_OTHERS


def test_settings__each_variable_that_is_read__stands_in_the_readme():
    assert {
        "DATABASE_URL",
        "REDIS_URL",
        "SECRET_KEY",
        "ALLOWED_HOSTS",
        "DEBUG",
        "PORT",
        "SECONDS",
    } <= environment_settings()
    rows = [line for line in README.read_text().splitlines() if line.startswith("|")]
    assert {name for name in environment_settings() if not any(f"`{name}`" in row for row in rows)} == set()


@pytest.mark.parametrize("target", ["up", "demo", "demo-httpbin", "test", "check", "bench", "setup-system"])
def test_makefile__each_promised_target__is_there_and_explained(target):
    assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE)
    assert re.search(rf"^#   make {target} ", MAKEFILE, re.MULTILINE)


def requirement_lines() -> list[tuple[str, str]]:
    files = ("requirements.txt", "requirements-dev.txt", "requirements-bench.txt")
    lines = [(name, line) for name in files for line in (ROOT / name).read_text().splitlines()]
    return [(name, line) for name, line in lines if line and not line.startswith(("#", "-r "))]


def test_requirements__each_line__is_pinned_and_says_why():
    for name, line in requirement_lines():
        assert re.fullmatch(r"[\w.\[\]-]+==[\w.]+\s+# \S.+", line), f"{name}: {line}"


def test_decisions__each_record__stands_in_the_list():
    folder = ROOT / "docs/adr"
    records = {path.name for path in folder.glob("[0-9]*.md")}
    listed = set(re.findall(r"\(([0-9]{4}-[\w-]+\.md)\)", (folder / "README.md").read_text()))
    assert records == listed
    numbers = [name[:4] for name in records]
    assert len(numbers) == len(set(numbers)), "two records share a number"


def test_import_contracts__name_every_room():
    """A room that no contract names could import anything."""
    rooms = {path.parent.name for path in (ROOT / "migrator").glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"migrator\.(\w+)", (ROOT / "pyproject.toml").read_text()))


def test_yaml_files__are_yaml():
    for path in [*(ROOT / "docs").rglob("*.yaml"), *(ROOT / "docker").glob("*.yaml")]:
        assert yaml.safe_load(path.read_text()), path
