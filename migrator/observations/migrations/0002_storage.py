"""How rows that are written again and again lie on disk.

Sketches are hashes: compressing them costs time and gains nothing. Pages keep room, so that an updated row stays on
its page and its indexes need not be touched.
"""

from django.db import migrations

SKETCHES = ("subjects", "mismatching_subjects")
UPDATED = ("rollup", "standing", "mismatchgroup", "groupcount")

FORWARDS = [
    f"ALTER TABLE observations_{table} ALTER COLUMN {column} SET STORAGE EXTERNAL"
    for table in ("rollup", "standing")
    for column in SKETCHES
] + [f"ALTER TABLE observations_{table} SET (fillfactor = 70)" for table in UPDATED]

BACKWARDS = [
    f"ALTER TABLE observations_{table} ALTER COLUMN {column} SET STORAGE EXTENDED"
    for table in ("rollup", "standing")
    for column in SKETCHES
] + [f"ALTER TABLE observations_{table} RESET (fillfactor)" for table in UPDATED]


class Migration(migrations.Migration):
    dependencies = [("observations", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
