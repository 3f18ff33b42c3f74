"""What `make demo` adds to the product: two builds of the comments service behind a gateway, readers, and a receiver.

`migrator.local` finds COMPANY by name. Each process is a command of its own, so all of it can be run by hand too.
"""

import hashlib
import os
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from migrator.local.addresses import state_dir
from migrator.local.child import Child
from migrator.local.product import Instance
from migrator.local.supervisor import Supervisor
from migrator.local.up import Company, port_number

LOOPBACK: Final = "127.0.0.1"
PROJECT: Final = "comments"
"""What demo.seed makes. Not imported from there: that would load Django into the supervisor."""
SIDES: Final = ("legacy", "candidate")
FAULT_AFTER_S: Final = 90
"""Seconds after its start at which the candidate begins to answer one endpoint wrongly."""


@dataclass(slots=True)
class Demo:
    """The demo's processes. The services get whatever ports are free: only the gateway is visited."""

    services: dict[str, int] = field(default_factory=dict)
    """`legacy` and `candidate` -> port."""
    receiver: int = 0

    def ports(self) -> dict[str, int]:
        return {"GATEWAY_PORT": gateway_port()}

    def prepare(self, supervisor: Supervisor, instance: Instance) -> None:
        """Choose the ports, and make the project and its history."""
        self.services, self.receiver = {side: free_port() for side in SIDES}, free_port()
        # What the product's processes inherit: they may send to the receiver.
        os.environ.setdefault("OUTGOING_ALLOW", "127.0.0.0/8")
        receiver = ("--receiver-url", f"http://{LOOPBACK}:{self.receiver}/")
        token_file = ("--token-file", str(token_file_of(PROJECT)))
        supervisor.run(instance.child("seed", "-m", "demo.seed", *addresses(self.services), *receiver, *token_file))
        supervisor.start(instance.child("receiver", "-m", "demo.receiver", "--port", str(self.receiver)))

    def start(self, supervisor: Supervisor, instance: Instance) -> None:
        # One datastore for both, as in most migrations: what is written through one is there for the other.
        database = ("--database", str(state_dir() / "demo" / "comments.sqlite3"))
        for side, port in self.services.items():
            fault = ("--fault-after", str(FAULT_AFTER_S)) if side == "candidate" else ()
            supervisor.start(instance.child(side, "-m", "demo.services", side, "--port", str(port), *database, *fault))
        supervisor.start(gateway(instance, project=PROJECT))
        supervisor.start(instance.child("traffic", "-m", "demo.traffic", "--target", gateway_url()))

    def greeting(self) -> str:
        return f"  gateway at {gateway_url()}  messages at http://{LOOPBACK}:{self.receiver}"


def gateway(instance: Instance, *, project: str) -> Child:
    """The gateway of one project. Its token was left by whoever made the project."""
    token = token_file_of(project).read_text()
    # The table that it keeps is one instance's: on another database, with another token, it starts without.
    kept = state_dir() / "demo" / f"gateway-{hashlib.sha256(token.encode()).hexdigest()[:12]}"
    child = instance.child(
        "gateway",
        *("-m", "migrator.gateway", "--control-plane", instance.url, "--project", project),
        *("--listen", f"{LOOPBACK}:{gateway_port()}", "--admin", f"{LOOPBACK}:{free_port()}"),
        *("--state-dir", str(kept), "--name", "demo"),
    )
    # By environment: everybody on the machine can read a command line.
    child.env = {**child.env, "MIGRATOR_TOKEN": token}
    return child


def addresses(services: dict[str, int]) -> list[str]:
    """Where the services are, as options of a seed: `--legacy-url http://… --candidate-url http://…`."""
    return [part for side, port in services.items() for part in (f"--{side}-url", f"http://{LOOPBACK}:{port}")]


def token_file_of(project: str) -> Path:
    return state_dir() / "demo" / f"token-{project}"


def gateway_port() -> int:
    """Raises Refused where GATEWAY_PORT is no port."""
    return port_number("GATEWAY_PORT", os.environ.get("GATEWAY_PORT") or "8080")


def gateway_url() -> str:
    return f"http://{LOOPBACK}:{gateway_port()}"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        return int(listener.getsockname()[1])


COMPANY: Final[Company] = Demo()
