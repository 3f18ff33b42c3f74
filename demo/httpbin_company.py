"""What `make demo-httpbin` adds to the product: two releases of the real httpbin, a gateway, and requests."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from demo.company import LOOPBACK, SIDES, addresses, free_port, gateway, gateway_port, gateway_url, token_file_of
from demo.httpbin import CANDIDATE, LEGACY, Release
from migrator.local.addresses import CHECKOUT, state_dir
from migrator.local.child import Child
from migrator.local.product import Instance
from migrator.local.supervisor import Supervisor, say
from migrator.local.up import Company

PROJECT: Final = "httpbin"
LOG: Final = CHECKOUT.parent / "shared" / "data" / "traffic" / "apache-access-5000.jsonl"
"""An access log whose requests are sent too, where it is there."""


@dataclass(slots=True)
class Httpbin:
    """The processes of the httpbin demo."""

    services: dict[str, int] = field(default_factory=dict)
    """`legacy` and `candidate` -> port."""

    def ports(self) -> dict[str, int]:
        return {"GATEWAY_PORT": gateway_port()}

    def prepare(self, supervisor: Supervisor, instance: Instance) -> None:
        """Install both releases, start them, and import the document that the candidate serves."""
        home = state_dir() / "httpbin"
        if not CANDIDATE.python(home).exists():
            say("Installing two releases of httpbin (once) …")
        installed = supervisor.run(instance.child("httpbin", "-m", "demo.httpbin", "--home", str(home))).split()
        releases = {release.version: release for release in (*LEGACY, CANDIDATE)}
        self.services = {side: free_port() for side in SIDES}
        for side, version in zip(SIDES, installed[-2:], strict=True):
            supervisor.start(service(instance, side, releases[version], home=home, port=self.services[side]))
            supervisor.wait_ready(f"http://{LOOPBACK}:{self.services[side]}/get")
        token_file = ("--token-file", str(token_file_of(PROJECT)))
        supervisor.run(instance.child("seed", "-m", "demo.httpbin_seed", *addresses(self.services), *token_file))

    def start(self, supervisor: Supervisor, instance: Instance) -> None:
        supervisor.start(gateway(instance, project=PROJECT))
        log = ("--log", str(LOG)) if LOG.exists() else ()
        supervisor.start(instance.child("traffic", "-m", "demo.replay", "--target", gateway_url(), *log))

    def greeting(self) -> str:
        return f"  httpbin behind a gateway at {gateway_url()}"


def service(instance: Instance, side: str, release: Release, *, home: Path, port: int) -> Child:
    """One release as a process, in its own environment and without ours: it is somebody else's code."""
    return Child(
        name=side,
        command=["env", "-i", f"PATH={Path(sys.executable).parent}", *release.command(home, port=port)],
        log=instance.logs / f"{side}.log",
        pid_file=instance.runtime / f"{side}.pid",
        cwd=home,
    )


COMPANY: Final[Company] = Httpbin()
