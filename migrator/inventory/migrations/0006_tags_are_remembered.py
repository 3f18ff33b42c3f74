"""A unit that goes to another team or service leaves a trace, whoever moved it and however."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION migrator_tags_are_remembered() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO inventory_tagchange (unit_id, at, team_before, team_after, service_before, service_after)
    VALUES (NEW.id, clock_timestamp(), OLD.team_id, NEW.team_id, OLD.service_id, NEW.service_id);
    RETURN NULL;
END $$;

CREATE TRIGGER tags_are_remembered AFTER UPDATE OF team_id, service_id ON inventory_unit FOR EACH ROW
    WHEN ((OLD.team_id, OLD.service_id) IS DISTINCT FROM (NEW.team_id, NEW.service_id))
    EXECUTE FUNCTION migrator_tags_are_remembered();
"""

BACKWARDS = """
DROP TRIGGER tags_are_remembered ON inventory_unit;
DROP FUNCTION migrator_tags_are_remembered();
"""


class Migration(migrations.Migration):
    dependencies = [("inventory", "0005_tag_changes")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
