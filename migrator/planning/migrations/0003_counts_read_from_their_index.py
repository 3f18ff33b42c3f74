from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("inventory", "0010_what_stands_where"),
        ("planning", "0002_days_are_counted"),
    ]

    operations = [
        migrations.RemoveConstraint(
            model_name="daycount",
            name="one_count_per_day_and_tags",
        ),
        migrations.AddConstraint(
            model_name="daycount",
            constraint=models.UniqueConstraint(
                fields=("project", "day", "kind", "service_id", "team_id", "from_stage", "to_stage"),
                include=("units", "points", "unknown"),
                name="one_count_per_day_and_tags",
            ),
        ),
    ]
