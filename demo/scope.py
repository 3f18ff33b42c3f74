"""What else the newspaper migrates beside its comments. None of it runs: it is there for the burn-up's sake."""

from dataclasses import dataclass
from typing import Final

from migrator.core.stages import Operation
from migrator.inventory.importers.spec import Format, Spec, UnitSpec

COMMENTS: Final = "comments"
"""The one service that runs."""
COMMENTS_TEAM: Final = "Reading"
RUNBOOKS: Final = "https://runbooks.example.com"
MAILS: Final = "POST /devices"
"""A write that no rollback takes back, as its service's document declares. Some of its callers meet the candidate."""
PILOT: Final = "reach"
"""The service that went first, to learn from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resource:
    """One kind of thing that a service keeps: five endpoints, and the fields of its answers."""

    name: str
    fields: tuple[str, ...]
    known_after: int = 0
    """Days after the start at which somebody noticed that it has to be migrated too."""

    def reads(self) -> list[UnitSpec]:
        one = f"GET /{self.name}/{{id}}"
        return [
            endpoint(f"GET /{self.name}", f"List {self.name}"),
            endpoint(one, f"One of the {self.name}"),
            *(
                UnitSpec(key=f"{one} $.{name}", kind="field", operation=Operation.READ, parent_key=one)
                for name in ("id", *self.fields, "created_at", "updated_at")
            ),
        ]

    def writes(self) -> list[UnitSpec]:
        return [
            endpoint(f"POST /{self.name}", f"Add to the {self.name}"),
            endpoint(f"PUT /{self.name}/{{id}}", f"Change one of the {self.name}"),
            endpoint(f"DELETE /{self.name}/{{id}}", f"Remove one of the {self.name}"),
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Undertaking:
    """A service that one team migrates."""

    service: str
    team: str
    resources: tuple[Resource, ...]

    def spec(self, *, day: int) -> Spec:
        """Its document as it stood so many days after the start."""
        known = [resource for resource in self.resources if resource.known_after <= day]
        units = tuple(unit for resource in known for unit in (*resource.reads(), *resource.writes()))
        return Spec(title=self.service, format=Format.OPENAPI, units=units, counts={})


def endpoint(key: str, description: str) -> UnitSpec:
    operation = Operation.READ if key.startswith("GET ") else Operation.WRITE
    mails = key == MAILS
    return UnitSpec(
        key=key,
        kind="endpoint",
        operation=operation,
        description="Add to the devices, and mail whoever owns the account" if mails else description,
        irreversible=True if mails else None,
        runbook=f"{RUNBOOKS}/device-mails" if mails else "",
    )


UNDERTAKINGS: Final = (
    Undertaking(
        service="accounts",
        team="Identity",
        resources=(
            Resource(name="accounts", fields=("email", "name", "locale", "status", "plan")),
            Resource(name="sessions", fields=("account_id", "device", "expires_at")),
            Resource(name="invitations", fields=("email", "role", "state")),
            Resource(name="devices", fields=("name", "platform", "last_seen_at"), known_after=33),
        ),
    ),
    Undertaking(
        service="feed",
        team="Reading",
        resources=(
            Resource(name="articles", fields=("title", "summary", "author", "section", "published_at", "paywalled")),
            Resource(name="sections", fields=("title", "position", "parent_id")),
            Resource(name="bookmarks", fields=("account_id", "article_id", "note")),
            Resource(name="topics", fields=("title", "followers", "image")),
            Resource(name="recommendations", fields=("article_id", "score", "because"), known_after=33),
        ),
    ),
    Undertaking(
        service="media",
        team="Studio",
        resources=(
            Resource(name="images", fields=("width", "height", "credit", "alt", "focus")),
            Resource(name="videos", fields=("duration", "poster", "captions", "credit")),
            Resource(name="albums", fields=("title", "cover", "images")),
            Resource(name="renditions", fields=("image_id", "format", "bytes"), known_after=61),
        ),
    ),
    Undertaking(
        service="reach",
        team="Reach",
        resources=(
            Resource(name="newsletters", fields=("title", "cadence", "editor", "subscribers")),
            Resource(name="notifications", fields=("account_id", "channel", "body", "read_at")),
            Resource(name="campaigns", fields=("name", "audience", "starts_at", "budget")),
        ),
    ),
    Undertaking(
        service="subscriptions",
        team="Commerce",
        resources=(
            Resource(name="subscriptions", fields=("account_id", "plan", "state", "renews_at", "price")),
            Resource(name="invoices", fields=("number", "total", "currency", "due_at", "lines")),
            Resource(name="vouchers", fields=("code", "discount", "expires_at")),
            Resource(name="refunds", fields=("invoice_id", "amount", "reason"), known_after=61),
        ),
    ),
)
