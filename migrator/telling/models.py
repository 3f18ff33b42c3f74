"""The outbox, where it is delivered, and who may alarm us."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q

from migrator.inventory.models import Project, Service, Team, Unit


class Severity(models.TextChoices):
    """How soon somebody should know."""

    INFO = "info", "info"
    """Whoever reads the digest."""
    WARNING = "warning", "warning"
    """Today."""
    CRITICAL = "critical", "critical"
    """Now, at night too."""


class Event(models.TextChoices):
    """What is told."""

    ROLLED_BACK = "rolled_back", "rolled back"
    HARM = "harm", "harm proven"
    READY = "ready", "ready for the next step"
    FLIPPED = "flipped", "flipped"
    RAMP = "ramp", "ramp moved or stopped"
    APPROVAL = "approval", "approval wanted or given"
    FREEZE = "freeze", "freeze begun or lifted"
    GUARD = "guard", "guard silent or back"
    LEFT_OUT = "left_out", "candidate left out by a data plane"
    OVERRIDE = "override", "override carried out"
    BREAK_GLASS = "break_glass", "glass broken"
    REMOVAL = "removal", "removal proof reopened"
    EVIDENCE = "evidence", "evidence missing"
    LEDGER = "ledger", "ledger check failed"
    ALERT = "alert", "alert came in"
    POLICY = "policy", "policy changed or waiver signed"
    WEEKLY = "weekly", "the week in a few sentences, on Mondays"
    """For channels that opted in: nothing in it is grave, and a channel for what is grave may want it all the same."""


MOMENTS = frozenset(
    {Event.ROLLED_BACK, Event.FLIPPED, Event.RAMP, Event.APPROVAL, Event.OVERRIDE, Event.BREAK_GLASS, Event.POLICY}
)
"""Events that happen and are over: each is a matter of its own, and the second one is told like the first."""


class Message(models.Model):
    """Something to tell, written in the transaction of what it tells of. Delivery comes after the commit."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="messages")
    unit = models.ForeignKey(Unit, on_delete=models.SET_NULL, null=True, related_name="+")
    event = models.CharField(max_length=20, choices=Event.choices)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    key = models.CharField(
        max_length=200, help_text="Messages of one key are one matter: it is told once and resolved."
    )
    resolves = models.BooleanField(default=False, help_text="The matter is over.")
    title = models.CharField(max_length=300)
    sentence = models.CharField(max_length=2_000)
    path = models.CharField(max_length=500, help_text="Where to act: a path of ours.")
    at = models.DateTimeField()
    routed_at = models.DateTimeField(null=True, help_text="When it was handed to the channels that want it.")

    class Meta:
        ordering: ClassVar = ["-id"]
        indexes: ClassVar = [
            # Read by delivery: what no channel has yet.
            models.Index(fields=["id"], name="message_unrouted", condition=models.Q(routed_at__isnull=True)),
            models.Index(fields=["project", "key", "-id"], name="message_of_key"),
            # Read by the page of notifications: the newest.
            models.Index(fields=["project", "-id"], name="message_of_project"),
        ]

    def __str__(self) -> str:
        return self.title


class ChannelKind(models.TextChoices):
    """How a channel is spoken to."""

    APPRISE = "apprise", "Slack, Teams, e-mail and others (Apprise)"
    """Any address that Apprise understands: `slack://…`, `mailtos://…`."""
    PAGERDUTY = "pagerduty", "PagerDuty"
    """Events API v2: a matter is one incident, and resolving it closes the incident."""
    WEBHOOK = "webhook", "Signed webhook"
    """JSON to an address of yours, with a signature."""


class Digest(models.TextChoices):
    """Whether messages are collected first. What is critical never waits."""

    NONE = "none", "at once"
    HOURLY = "hourly", "hourly"
    DAILY = "daily", "daily"
    WEEKLY = "weekly", "weekly, on Mondays"


class Channel(models.Model):
    """Where a project's messages go, which of them, and when. Secrets are encrypted and never shown again."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="channels")
    name = models.CharField(max_length=100)
    kind = models.CharField(max_length=10, choices=ChannelKind.choices)
    target = models.TextField(help_text="Encrypted: the address, or PagerDuty's routing key.")
    signing = models.TextField(blank=True, help_text="Encrypted: what signs a webhook.")
    hint = models.CharField(max_length=200, help_text="What may be shown of the target: `slack://…`.")
    enabled = models.BooleanField(default=True)

    events = models.JSONField(default=list, blank=True, help_text="Which events; none named: all.")
    least_severity = models.CharField(max_length=10, choices=Severity.choices, default=Severity.WARNING)
    weekly = models.BooleanField(
        default=False, help_text="Takes the week in a few sentences too, whatever events and severity it takes."
    )
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    services = models.ManyToManyField(Service, blank=True, related_name="+")

    quiet_days = models.JSONField(default=list, blank=True, help_text="Days on which quiet begins; 0 is Monday.")
    quiet_from = models.TimeField(null=True, blank=True)
    quiet_to = models.TimeField(null=True, blank=True)
    zone = models.CharField(max_length=64, default="UTC", help_text="Of quiet hours and digest.")
    digest = models.CharField(max_length=10, choices=Digest.choices, default=Digest.NONE)
    digest_hour = models.PositiveSmallIntegerField(default=9)
    per_minute = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="At most so many a minute; the rest is folded into one. Empty: no limit."
    )

    created_at = models.DateTimeField()
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_error_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="channel_name_once_per_project"),
            models.CheckConstraint(condition=Q(kind__in=ChannelKind.values), name="channel_kind_known"),
            models.CheckConstraint(condition=Q(digest_hour__lt=24), name="digest_hour_of_a_day"),
            models.CheckConstraint(
                condition=~Q(kind=ChannelKind.PAGERDUTY, weekly=True), name="the_week_is_no_incident"
            ),
            models.CheckConstraint(
                condition=Q(quiet_from__isnull=True, quiet_to__isnull=True)
                | Q(quiet_from__isnull=False, quiet_to__isnull=False),
                name="quiet_hours_begin_and_end",
            ),
            models.CheckConstraint(
                condition=Q(per_minute__isnull=True) | Q(per_minute__gt=0), name="throttle_lets_something_through"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def fails(self) -> bool:
        """Whether its last attempt failed."""
        if self.last_error_at is None:
            return False
        return self.last_success_at is None or self.last_success_at < self.last_error_at


class Matter(models.Model):
    """What one channel knows of one matter: told once, told again while it lasts, closed."""

    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="matters")
    key = models.CharField(max_length=200)
    severity = models.CharField(max_length=10, choices=Severity.choices)
    since = models.DateTimeField()
    told_at = models.DateTimeField(help_text="When it was last handed to the channel.")
    times = models.PositiveIntegerField(default=1, help_text="How often it was raised since.")
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["channel", "key"], name="one_matter_per_key")]

    def __str__(self) -> str:
        return self.key


class DeliveryState(models.TextChoices):
    WAITING = "waiting", "waiting"
    """To be sent, or sent again."""
    SENT = "sent", "sent"
    FOLDED = "folded", "sent with others"
    """Its words travel with those of another delivery, and share its fate."""
    GIVEN_UP = "given_up", "given up"
    """It failed for a whole day."""
    DROPPED = "dropped", "not needed"
    """The matter was over before it was told, or the channel was switched off."""


class Delivery(models.Model):
    """One message on its way to one channel. `event_id` stays the same however often it is tried."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, on_delete=models.CASCADE, related_name="deliveries")
    event_id = models.UUIDField(default=uuid.uuid4, unique=True)
    key = models.CharField(max_length=200)
    times = models.PositiveIntegerField(default=1, help_text="How often the matter was raised by then.")
    since = models.DateTimeField(help_text="When the matter began.")
    state = models.CharField(max_length=10, choices=DeliveryState.choices, default=DeliveryState.WAITING)
    folded_into = models.ForeignKey("self", on_delete=models.CASCADE, null=True, blank=True, related_name="folded")
    digest = models.BooleanField(default=False, help_text="It travels with the others of its digest.")
    made_at = models.DateTimeField()
    due_at = models.DateTimeField()
    leased_until = models.DateTimeField(null=True, blank=True, help_text="A process is at it until then.")
    lease = models.UUIDField(null=True, blank=True, help_text="Which attempt holds it.")
    attempts = models.PositiveSmallIntegerField(default=0)
    tried_at = models.DateTimeField(null=True, blank=True, help_text="When it was first tried.")
    ended_at = models.DateTimeField(null=True, blank=True)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering: ClassVar = ["id"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["message", "channel"], name="a_message_reaches_a_channel_once"),
        ]
        indexes: ClassVar = [
            # Read every two seconds: what is due.
            models.Index(fields=["due_at"], name="delivery_due", condition=Q(state="waiting")),
            # Read before each: what must come first, and what was lately sent.
            models.Index(fields=["channel", "key", "id"], name="delivery_in_order", condition=Q(state="waiting")),
            models.Index(fields=["channel", "-ended_at"], name="delivery_lately_sent", condition=Q(state="sent")),
        ]

    def __str__(self) -> str:
        return f"{self.message_id} to {self.channel_id}: {self.state}"


class HookAction(models.TextChoices):
    """What an alert from outside does."""

    HOLD = "hold", "hold: nothing climbs while it fires"
    ROLLBACK = "rollback", "roll back, and hold while it fires"
    SUGGEST = "suggest", "tell people"


class Fallback(models.TextChoices):
    """What an alert is about that names neither unit nor service."""

    REFUSE = "refuse", "nothing: it is refused"
    SERVICE = "service", "one service"
    PROJECT = "project", "the whole project"


class Hook(models.Model):
    """Whoever may alarm us: a monitoring system with a secret of its own."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="hooks")
    name = models.SlugField(max_length=50, help_text="Part of its address.")
    digest = models.CharField(max_length=64, help_text="SHA-256 of its secret.")
    signing = models.TextField(help_text="Encrypted: the same secret, for signatures.")
    action = models.CharField(max_length=10, choices=HookAction.choices, default=HookAction.HOLD)
    unit_from = models.CharField(max_length=200, default="{unit}", blank=True, help_text="Labels that name a unit.")
    service_from = models.CharField(
        max_length=200, default="{service}", blank=True, help_text="Labels that name a service."
    )
    fallback = models.CharField(max_length=10, choices=Fallback.choices, default=Fallback.REFUSE)
    fallback_service = models.ForeignKey(Service, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering: ClassVar = ["name"]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["project", "name"], name="hook_name_once_per_project"),
            models.CheckConstraint(condition=Q(action__in=HookAction.values), name="hook_action_known"),
        ]

    def __str__(self) -> str:
        return self.name


class Alarm(models.Model):
    """One alert of one hook, as it fires, flaps and ends. One row per fingerprint, whatever its history."""

    hook = models.ForeignKey(Hook, on_delete=models.CASCADE, related_name="alarms")
    fingerprint = models.CharField(max_length=64, help_text="SHA-256 of whatever the sender calls it.")
    name = models.CharField(max_length=200)
    unit = models.ForeignKey(Unit, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    service = models.ForeignKey(Service, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    firing = models.BooleanField(default=True)
    since = models.DateTimeField(help_text="When this matter began: it ends after ten quiet minutes.")
    changed_at = models.DateTimeField(help_text="When it last began or stopped firing.")
    flaps = models.PositiveIntegerField(default=0, help_text="How often it fired again before the quiet was over.")
    rolled_back_at = models.DateTimeField(null=True, blank=True)
    matter = models.CharField(
        max_length=200, blank=True, help_text="Key of the hold, or of the suggestion, that it keeps open."
    )
    over_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["hook", "fingerprint"], name="one_alarm_per_fingerprint"),
        ]
        indexes: ClassVar = [
            # Read by whoever lifts holds: what is not over.
            models.Index(fields=["matter"], name="alarm_not_over", condition=Q(over_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return self.name
