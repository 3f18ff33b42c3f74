"""What groups of before lack; what the database holds of notes; how the new rows lie on disk."""

import django.db.models.deletion
from django.db import migrations, models

FILL = """
UPDATE observations_mismatchgroup g SET project_id = u.project_id, raised_at = g.first_seen_at
FROM inventory_unit u WHERE u.id = g.unit_id
"""

FORWARDS = """
DELETE FROM observations_mismatchgroup WHERE project_id IS NULL;

CREATE FUNCTION migrator_notes_only_grow() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'notes only grow: note % is neither changed nor deleted', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER notes_only_grow BEFORE UPDATE OR DELETE ON observations_groupnote FOR EACH ROW
    EXECUTE FUNCTION migrator_notes_only_grow();

ALTER TABLE observations_joint SET (fillfactor = 70);
ALTER TABLE observations_audience SET (fillfactor = 70);
ALTER TABLE observations_audience ALTER COLUMN subjects SET STORAGE EXTERNAL;
ALTER TABLE observations_rulehit SET (fillfactor = 70);
"""

BACKWARDS = """
DROP TRIGGER notes_only_grow ON observations_groupnote;
DROP FUNCTION migrator_notes_only_grow();
"""


class Migration(migrations.Migration):
    dependencies = [("observations", "0003_rules_and_causes")]
    operations = [
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        migrations.RunSQL(FORWARDS, BACKWARDS),
        migrations.AlterField(
            model_name="mismatchgroup",
            name="project",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="inventory.project",
            ),
        ),
        migrations.AlterField(
            model_name="mismatchgroup",
            name="raised_at",
            field=models.DateTimeField(help_text="When it last was news: first seen, regressed, escalated."),
        ),
    ]
