from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0009_runbooks_and_irreversible_writes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="unit",
            index=models.Index(
                condition=models.Q(("gone_at", None)), fields=["project", "team", "stage"], name="unit_of_team_stands"
            ),
        ),
    ]
