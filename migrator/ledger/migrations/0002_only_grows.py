"""The chain only grows: the database refuses to change or delete a link."""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION migrator_chain_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the chain only grows: link % is neither changed nor deleted', OLD.number
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER chain_only_grows BEFORE UPDATE OR DELETE ON ledger_entry FOR EACH ROW
    EXECUTE FUNCTION migrator_chain_only_grows();
"""

BACKWARDS = """
DROP TRIGGER chain_only_grows ON ledger_entry;
DROP FUNCTION migrator_chain_only_grows();
"""


class Migration(migrations.Migration):
    dependencies = [("ledger", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
