from django.db import migrations, models


class Migration(migrations.Migration):
    """A project's own policy is numbered like its layers, so that an edit and an approval name the one they saw."""

    dependencies = [("inventory", "0002_risk_aliases_and_capacity")]

    operations = [
        migrations.AlterField(
            model_name="project",
            name="policy",
            field=models.JSONField(
                blank=True, default=dict, help_text="What evidence is demanded: core.policy.Policy."
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="policy_version",
            field=models.PositiveIntegerField(
                default=1, help_text="Counts the changes of its own policy: an edit names the one it saw."
            ),
        ),
    ]
