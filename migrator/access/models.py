"""Who may do what: roles per project for people, tokens for programs."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from migrator.inventory.models import Project


class Role(models.TextChoices):
    """What a person may do in one project. Each role may do what the one before it may."""

    VIEWER = "viewer", "viewer"
    ON_CALL = "on_call", "on-call"
    ENGINEER = "engineer", "engineer"
    ADMIN = "admin", "admin"


class Membership(models.Model):
    """A person's role in a project. Superusers are admins everywhere."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    team = models.ForeignKey(
        "inventory.Team",
        on_delete=models.CASCADE,
        null=True,
        blank=True,
        related_name="memberships",
        help_text="Empty: the role holds in the whole project. Else for this team's units.",
    )
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        ordering: ClassVar = ["project", "user"]
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user", "project", "team"], name="one_role_per_project_and_team", nulls_distinct=False
            ),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.role} of {self.project}"


class Scope(models.TextChoices):
    """What a token opens."""

    READ = "read"
    INGEST = "ingest"
    OPERATE = "operate"
    ADMIN = "admin"


class Token(models.Model):
    """A program's key. Only its SHA-256 is kept; the token itself is shown once."""

    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=16)
    digest = models.CharField(max_length=64, unique=True)
    scope = models.CharField(max_length=10, choices=Scope.choices)
    project = models.ForeignKey(Project, on_delete=models.CASCADE, null=True, blank=True, related_name="tokens")
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        help_text="Who made it: what it asks for, this person asked for. Empty: made on a host, by nobody we know.",
    )
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["-created_at"]
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(scope__in=Scope.values), name="scope_known"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class SecondFactor(models.Model):
    """A person's time-based code generator (RFC 6238), for breaking the glass."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="second_factor")
    secret = models.CharField(max_length=64, help_text="Base32.")
    created_at = models.DateTimeField()
    confirmed_at = models.DateTimeField(null=True, blank=True, help_text="When a first code proved that it works.")
    failures = models.PositiveSmallIntegerField(default=0, help_text="Wrong codes in a row.")
    failed_at = models.DateTimeField(null=True, blank=True)
    last_step = models.PositiveBigIntegerField(
        default=0, help_text="The newest step that was used: no code works twice."
    )

    def __str__(self) -> str:
        return f"second factor of {self.user}"


class ApprovalState(models.TextChoices):
    OPEN = "open", "open"
    APPROVED = "approved", "approved"
    """Given, and what was asked for is done in the same transaction."""
    REFUSED = "refused", "refused"
    WITHDRAWN = "withdrawn", "withdrawn"
    VOID = "void", "void"
    """What was asked about has changed since, or nobody answered in time."""


class Approval(models.Model):
    """A second person's word for something that one person asks for, bound to what that person saw."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="approvals")
    subject = models.CharField(max_length=10, help_text="core.policy.FourEyes: what takes a second person.")
    unit = models.ForeignKey(
        "inventory.Unit", on_delete=models.CASCADE, null=True, blank=True, related_name="approvals"
    )
    wanted = models.JSONField(help_text="What shall be done, as its service takes it.")
    headline = models.CharField(max_length=300, help_text="The same for people: `Canary 100 % → cutover`.")
    seen_version = models.PositiveBigIntegerField(help_text="Version of the unit or of the policy that was seen.")
    reason = models.CharField(max_length=1_000, blank=True)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    asker = models.CharField(max_length=200)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=ApprovalState.choices, default=ApprovalState.OPEN)
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    decider = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=1_000, blank=True)

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(asked_by__isnull=True)
                | models.Q(decided_by__isnull=True)
                | ~models.Q(state="approved")
                | ~models.Q(asked_by=models.F("decided_by")),
                name="nobody_approves_their_own",
            ),
            models.UniqueConstraint(
                fields=["unit", "subject"],
                condition=models.Q(state="open", unit__isnull=False),
                name="one_open_approval_per_unit_and_subject",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["project", "state", "-id"], name="approval_of_state")]

    def __str__(self) -> str:
        return self.headline


class Answered(models.Model):
    """What a call under an `Idempotency-Key` was answered: sent again, it is answered the same and does nothing."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    caller = models.CharField(max_length=200)
    key = models.CharField(max_length=200)
    digest = models.CharField(max_length=64, help_text="SHA-256 of method, address and body.")
    status = models.PositiveSmallIntegerField()
    answer = models.JSONField()
    at = models.DateTimeField()

    class Meta:
        ordering: ClassVar = ["-id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "caller", "key"], name="one_answer_per_key"),
        ]
        # Read by the clean-up: what was answered long ago.
        indexes: ClassVar = [models.Index(fields=["project", "at"], name="answered_long_ago")]

    def __str__(self) -> str:
        return f"{self.caller}: {self.key}"
