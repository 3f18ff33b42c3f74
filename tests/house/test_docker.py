"""The image, the compose file and the entrypoint, as far as they can be tried without an engine."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ENTRYPOINT = ROOT / "docker/entrypoint.sh"
COMPOSE = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
DOCKERFILE = (ROOT / "docker/Dockerfile").read_text()
SERVICES = COMPOSE["services"]
OURS = {name: service for name, service in SERVICES.items() if service["image"].startswith("migrator:")}
ROLES = ("front", "web", "worker", "beat", "migrate", "gateway", "manage")
SETTINGS = {
    "SECRET_KEY": "s3cret",
    "DATABASE_URL": "postgresql://migrator@postgres/migrator",
    "REDIS_URL": "redis://valkey:6379/0",
    "ALLOWED_HOSTS": "migrator.example.com",
    "WEB_UPSTREAM": "http://web:8001",
    "MIGRATOR_CONTROL_PLANE": "http://front:8000",
    "MIGRATOR_TOKEN": "t0ken",
    "MIGRATOR_PROJECT": "shop",
}


def entrypoint(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    env = {"PATH": os.environ["PATH"], **environment}
    return subprocess.run([str(ENTRYPOINT), *arguments], env=env, capture_output=True, text=True, timeout=30)


def test_compose__each_reference__leads_somewhere():
    for name, service in SERVICES.items():
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"]), name
        assert set(service["networks"]) <= set(COMPOSE["networks"]), name
        assert {volume.split(":")[0] for volume in service.get("volumes", [])} <= set(COMPOSE["volumes"]), name
        assert set(service.get("depends_on", {})) <= set(SERVICES), name
        for variable, value in service.get("environment", {}).items():
            if variable.endswith("_FILE"):
                assert Path(value).name in service["secrets"], f"{name} reads {variable}, but mounts no such secret"


def test_compose__who_is_waited_for_healthy__has_a_health_check():
    for name, service in SERVICES.items():
        for needed, condition in service.get("depends_on", {}).items():
            if condition["condition"] == "service_healthy":
                other = SERVICES[needed]
                has_one = "test" in other.get("healthcheck", {}) or (
                    other in OURS.values() and "HEALTHCHECK" in DOCKERFILE
                )
                assert has_one, f"{name} waits for {needed}"
                assert not other.get("healthcheck", {}).get("disable"), f"{name} waits for {needed}"


def test_compose__no_secret_stands_in_it():
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            secret = variable.endswith(("PASSWORD", "SECRET_KEY", "TOKEN"))
            assert not secret, f"{name}: {variable} belongs into a file, as {variable}_FILE"
            assert "@" not in str(value) or ":" not in str(value).split("//")[1].split("@")[0], (
                f"{name}: {variable} has a password"
            )
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_compose__our_containers__run_unprivileged_and_read_only():
    for name, service in OURS.items():
        assert service["user"] == "10001:10001", name
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert "no-new-privileges:true" in service["security_opt"], name


def test_compose__servers__are_reachable_from_inside_alone():
    assert COMPOSE["networks"]["inside"]["internal"] is True
    for name in ("postgres", "valkey", "web", "worker", "beat"):
        assert SERVICES[name]["networks"] == ["inside"], name
        assert "ports" not in SERVICES[name], name


def test_compose__valkey__keeps_what_it_is_given():
    command = SERVICES["valkey"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"


@pytest.mark.parametrize("name", OURS)
def test_compose__each_service__gives_its_role_what_it_needs(name, tmp_path):
    """The entrypoint itself is asked, with the service's own environment and secrets in files."""
    environment = {}
    for variable, value in OURS[name]["environment"].items():
        if variable.endswith("_FILE"):
            path = tmp_path / Path(value).name
            path.write_text("kept in a file")
            value = str(path)
        # As the engine does where the host sets the variable.
        environment[variable] = "example" if value.startswith("${") else value
    done = entrypoint("--check", *OURS[name]["command"], **environment)
    assert done.returncode == 0, done.stderr
    assert "kept in a file" not in done.stdout


@pytest.mark.parametrize("role", ROLES)
def test_entrypoint__each_role__runs_something_that_exists(role):
    done = entrypoint("--check", role, **SETTINGS)
    assert done.returncode == 0, done.stderr
    program, *rest = shlex.split(done.stdout)
    assert (Path(sys.executable).parent / program).exists()
    if program == "gunicorn":  # it can say itself whether it would start
        checked = [sys.executable, "-m", "gunicorn", "--print-config", *rest]
        assert subprocess.run(checked, cwd=ROOT, capture_output=True, timeout=60).returncode == 0


@pytest.mark.parametrize("missing", ["SECRET_KEY", "DATABASE_URL", "REDIS_URL", "ALLOWED_HOSTS"])
def test_entrypoint__a_setting_is_missing__says_which(missing):
    done = entrypoint("--check", "web", **{name: value for name, value in SETTINGS.items() if name != missing})
    assert done.returncode != 0
    assert f"web needs {missing}" in done.stderr


def test_entrypoint__unknown_role__names_the_known_ones():
    done = entrypoint("database", **SETTINGS)
    assert done.returncode != 0
    assert "unknown role database" in done.stderr
    assert all(role in done.stderr for role in ROLES)


def test_entrypoint__secret_file__becomes_the_variable(tmp_path):
    key = tmp_path / "key"
    key.write_text("of the file")
    environment = {**SETTINGS, "SECRET_KEY": "", "SECRET_KEY_FILE": str(key)}
    assert entrypoint("--check", "web", **environment).returncode == 0
    key.write_text("")
    assert "is empty" in entrypoint("--check", "web", **environment).stderr
    key.unlink()
    assert "cannot be read" in entrypoint("--check", "web", **environment).stderr


def test_entrypoint__is_plain_shell():
    assert subprocess.run([shutil.which("sh") or "sh", "-n", str(ENTRYPOINT)]).returncode == 0
    assert os.access(ENTRYPOINT, os.X_OK)


def test_dockerfile__runs_as_nobody_special_from_pinned_wheels():
    lines = DOCKERFILE.splitlines()
    assert "USER 10001:10001" in lines
    assert lines.index("USER 10001:10001") < next(n for n, line in enumerate(lines) if line.startswith("ENTRYPOINT"))
    copied = [line.split()[1] for line in lines if line.startswith("COPY ") and not line.startswith("COPY --")]
    allowed = (ROOT / "docker/Dockerfile.dockerignore").read_text().splitlines()
    for path in copied:
        assert (ROOT / path).exists(), path
        assert f"!{path}" in allowed, f"{path} is copied, but kept out of the context"
