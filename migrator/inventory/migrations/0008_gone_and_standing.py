from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("inventory", "0007_units_that_came_back")]

    operations = [
        migrations.AddIndex(
            model_name="unit",
            index=models.Index(
                condition=models.Q(("gone_at__isnull", False)), fields=["project", "gone_at"], name="unit_gone"
            ),
        ),
        migrations.AddIndex(
            model_name="unit",
            index=models.Index(
                condition=models.Q(("gone_at__isnull", True)), fields=["project", "stage_since"], name="unit_standing"
            ),
        ),
    ]
