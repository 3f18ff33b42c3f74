from django.db import migrations, models

from migrator.inventory.runbooks import validate_runbook


class Migration(migrations.Migration):
    dependencies = [("inventory", "0008_gone_and_standing")]

    operations = [
        migrations.AddField(
            model_name="service",
            name="runbook",
            field=models.CharField(
                blank=True,
                help_text="What to do at night about its units that name none: an address, or where it lies.",
                max_length=500,
                validators=[validate_runbook],
            ),
        ),
        migrations.AddField(
            model_name="unit",
            name="runbook",
            field=models.CharField(
                blank=True,
                help_text="What to do about it at night: an address, or words that say where it lies.",
                max_length=500,
                validators=[validate_runbook],
            ),
        ),
        migrations.AddField(
            model_name="unit",
            name="irreversible",
            field=models.BooleanField(
                default=False,
                help_text=(
                    "What it did cannot be taken back by rolling back, such as a payment or a mail. Only for writes."
                ),
            ),
        ),
        migrations.AddConstraint(
            model_name="unit",
            constraint=models.CheckConstraint(
                condition=models.Q(("irreversible", False), ("operation", "write"), _connector="OR"),
                name="only_writes_are_irreversible",
            ),
        ),
    ]
