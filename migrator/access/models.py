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
    role = models.CharField(max_length=10, choices=Role.choices)

    class Meta:
        ordering: ClassVar = ["project", "user"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "project"], name="one_role_per_project"),
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
