import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0001_initial'),
        ('observations', '0002_storage'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Audience',
            fields=[
                ('pk', models.CompositePrimaryKey('group_id', 'shard', blank=True, editable=False, primary_key=True, serialize=False)),
                ('group', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, to='observations.mismatchgroup')),
                ('shard', models.PositiveSmallIntegerField()),
                ('subjects', models.BinaryField(default=b'', help_text='Sketch of CALLERS_KEPT hashes (core.tally).')),
                ('callers', models.JSONField(default=dict)),
                ('legacy_builds', models.JSONField(default=dict)),
                ('candidate_builds', models.JSONField(default=dict)),
            ],
        ),
        migrations.CreateModel(
            name='GroupNote',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('at', models.DateTimeField()),
                ('author', models.CharField(max_length=200)),
                ('change', models.CharField(blank=True, help_text='`settled as noise`; empty where nothing changed.', max_length=200)),
                ('text', models.CharField(blank=True, max_length=2000)),
            ],
            options={
                'ordering': ['at', 'pk'],
            },
        ),
        migrations.CreateModel(
            name='Joint',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('digest', models.CharField(max_length=32)),
                ('causes', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=32), size=None)),
                ('count', models.PositiveBigIntegerField(default=0)),
                ('last_seen_at', models.DateTimeField()),
                ('placed', models.BooleanField(default=False, help_text='Clustering has looked at it.')),
            ],
        ),
        migrations.CreateModel(
            name='Rule',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('kind', models.CharField(choices=[('ignore', 'ignore'), ('tolerance', 'tolerance'), ('unordered', 'unordered'), ('normalise', 'normalise'), ('map', 'map'), ('accept', 'accept')], max_length=20)),
                ('path', models.CharField(max_length=500)),
                ('parameters', models.JSONField(blank=True, default=dict, help_text='What else core.wire.RuleSpec has.')),
                ('reason', models.CharField(max_length=1000)),
                ('author', models.CharField(max_length=200)),
                ('created_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('expired_at', models.DateTimeField(help_text='When data planes were told that it expired.', null=True)),
                ('revoked_at', models.DateTimeField(null=True)),
                ('revoked_by', models.CharField(blank=True, max_length=200)),
                ('revoked_reason', models.CharField(blank=True, max_length=1000)),
                ('table_version', models.PositiveBigIntegerField(help_text='The table that last changed it.')),
            ],
            options={
                'ordering': ['-id'],
            },
        ),
        migrations.CreateModel(
            name='RuleHit',
            fields=[
                ('pk', models.CompositePrimaryKey('rule_id', 'unit_id', 'day', blank=True, editable=False, primary_key=True, serialize=False)),
                ('rule', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='hits', to='observations.rule')),
                ('unit', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='inventory.unit')),
                ('day', models.DateField()),
                ('count', models.PositiveBigIntegerField(default=0)),
                ('last_at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='keptsample',
            name='subject',
            field=models.BigIntegerField(help_text='Hash of the caller as a signed number.', null=True),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='archived_rate',
            field=models.FloatField(help_text='Pairs a day when it was archived.', null=True),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='assignee',
            field=models.ForeignKey(db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='leader',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='followers', to='observations.mismatchgroup'),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='pattern',
            field=models.CharField(blank=True, default='', help_text='What happened to the value.', max_length=200),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='placed',
            field=models.BooleanField(default=False, help_text='Clustering has looked at it.'),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='project',
            field=models.ForeignKey(db_constraint=False, db_index=False, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='inventory.project'),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='raised_at',
            field=models.DateTimeField(help_text='When it last was news: first seen, regressed, escalated.', null=True),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='settled_as',
            field=models.CharField(blank=True, choices=[('noise', 'noise'), ('race', 'a race'), ('accepted', 'accepted'), ('bug', 'a bug'), ('archived', 'archived')], default='', max_length=20),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='settled_epoch',
            field=models.PositiveIntegerField(default=0, help_text='Evidence from this epoch on knows its rule.'),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='whole',
            field=models.PositiveBigIntegerField(default=0, help_text='Of those, in how many all of the object around did.'),
        ),
        migrations.AlterField(
            model_name='mismatchgroup',
            name='cause',
            field=models.CharField(help_text='Digest of the next three: shapes are too long for an index.', max_length=32),
        ),
        migrations.AlterField(
            model_name='mismatchgroup',
            name='count',
            field=models.PositiveBigIntegerField(default=0, help_text='Of the total, in that evidence epoch.'),
        ),
        migrations.AlterField(
            model_name='mismatchgroup',
            name='status',
            field=models.CharField(choices=[('new', 'new'), ('ongoing', 'ongoing'), ('regressed', 'regressed'), ('escalating', 'escalating'), ('accepted', 'accepted'), ('archived', 'archived'), ('hidden', 'settled by a rule')], default='new', max_length=20),
        ),
        migrations.AddIndex(
            model_name='keptsample',
            index=models.Index(condition=models.Q(('subject__isnull', False)), fields=['subject', 'at'], name='kept_sample_caller'),
        ),
        migrations.AddField(
            model_name='groupnote',
            name='group',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='observations.mismatchgroup'),
        ),
        migrations.AddField(
            model_name='joint',
            name='unit',
            field=models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='inventory.unit'),
        ),
        migrations.AddField(
            model_name='rule',
            name='project',
            field=models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='rules', to='inventory.project'),
        ),
        migrations.AddField(
            model_name='rule',
            name='service',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rules', to='inventory.service'),
        ),
        migrations.AddField(
            model_name='rule',
            name='unit',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rules', to='inventory.unit'),
        ),
        migrations.AddField(
            model_name='mismatchgroup',
            name='rule',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.SET_NULL, related_name='groups', to='observations.rule'),
        ),
        migrations.AddIndex(
            model_name='mismatchgroup',
            index=models.Index(condition=models.Q(('leader__isnull', True)), fields=['project', 'status', '-raised_at', '-id'], name='mismatch_causes'),
        ),
        migrations.AddIndex(
            model_name='mismatchgroup',
            index=models.Index(condition=models.Q(('leader__isnull', True)), fields=['project', '-raised_at', '-id'], name='mismatch_news'),
        ),
        migrations.AddIndex(
            model_name='mismatchgroup',
            index=models.Index(condition=models.Q(('leader__isnull', False)), fields=['leader'], name='mismatch_followers'),
        ),
        migrations.AddIndex(
            model_name='mismatchgroup',
            index=models.Index(condition=models.Q(('placed', False)), fields=['unit'], name='mismatch_unplaced'),
        ),
        migrations.AddIndex(
            model_name='mismatchgroup',
            index=models.Index(condition=models.Q(('assignee__isnull', False)), fields=['assignee', '-raised_at'], name='mismatch_assigned'),
        ),
        migrations.AddConstraint(
            model_name='mismatchgroup',
            constraint=models.CheckConstraint(condition=models.Q(('status__in', ['new', 'ongoing', 'regressed', 'escalating', 'accepted', 'archived', 'hidden'])), name='mismatch_group_status_known'),
        ),
        migrations.AddConstraint(
            model_name='mismatchgroup',
            constraint=models.CheckConstraint(condition=models.Q(('settled_as__in', ['', 'noise', 'race', 'accepted', 'bug', 'archived'])), name='mismatch_group_settled_as_known'),
        ),
        migrations.AddIndex(
            model_name='groupnote',
            index=models.Index(fields=['group', 'at'], name='notes_of_group'),
        ),
        migrations.AddIndex(
            model_name='joint',
            index=models.Index(condition=models.Q(('placed', False)), fields=['unit'], name='joint_unplaced'),
        ),
        migrations.AddConstraint(
            model_name='joint',
            constraint=models.UniqueConstraint(fields=('unit', 'digest'), name='joint_once'),
        ),
        migrations.AddIndex(
            model_name='rule',
            index=models.Index(fields=['project', '-table_version'], name='rules_of_project'),
        ),
        migrations.AddIndex(
            model_name='rule',
            index=models.Index(condition=models.Q(('expired_at__isnull', True), ('revoked_at__isnull', True)), fields=['expires_at'], name='rules_in_force'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['ignore', 'tolerance', 'unordered', 'normalise', 'map', 'accept'])), name='rule_kind_known'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('unit__isnull', True), ('service__isnull', True), _connector='OR'), name='rule_has_one_scope'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('reason', ''), _negated=True), name='rule_has_a_reason'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('path', ''), _negated=True), name='rule_has_a_path'),
        ),
        migrations.AddConstraint(
            model_name='rule',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('created_at'))), name='rule_expires_after_its_birth'),
        ),
    ]
