from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('rollout', '0004_how_long_a_ramp_soaked'),
    ]

    operations = [
        migrations.AddField(
            model_name='carriedout',
            name='epoch',
            field=models.PositiveIntegerField(default=1),
        ),
        migrations.AddField(
            model_name='carriedout',
            name='version',
            field=models.PositiveBigIntegerField(default=0, help_text='The routing table that carries what it ordered.'),
        ),
    ]
