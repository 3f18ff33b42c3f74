"""What the door promises, held by the database too.

- A unit is born in the backlog.
- A unit whose position or version changed has, when the transaction commits, the ledger entry that says so.
- A ledger entry is never changed and never deleted.
"""

from django.db import migrations

FORWARDS = """
CREATE FUNCTION migrator_unit_is_born_in_backlog() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'unit % must start in the backlog: stage and shares change by a flip', NEW.key
        USING ERRCODE = 'check_violation';
END $$;

CREATE TRIGGER unit_is_born_in_backlog BEFORE INSERT ON inventory_unit FOR EACH ROW
    WHEN (NEW.stage <> 'backlog' OR NEW.candidate_bp <> 0 OR NEW.mirror_bp <> 0 OR NEW.version <> 0)
    EXECUTE FUNCTION migrator_unit_is_born_in_backlog();

CREATE FUNCTION migrator_unit_moves_with_its_flip() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (
        SELECT 1 FROM rollout_flip f
        WHERE f.unit_id = NEW.id AND f.unit_version = NEW.version AND f.to_stage = NEW.stage
          AND f.to_candidate_bp = NEW.candidate_bp AND f.to_mirror_bp = NEW.mirror_bp
          AND f.from_stage = OLD.stage AND f.from_candidate_bp = OLD.candidate_bp
          AND f.from_mirror_bp = OLD.mirror_bp
    ) OR NEW.version <> OLD.version + 1 THEN
        RAISE EXCEPTION 'unit % changed its position without a flip in the ledger', NEW.key
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER unit_moves_with_its_flip
    AFTER UPDATE OF stage, candidate_bp, mirror_bp, version ON inventory_unit
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    WHEN (
        (OLD.stage, OLD.candidate_bp, OLD.mirror_bp, OLD.version)
        IS DISTINCT FROM (NEW.stage, NEW.candidate_bp, NEW.mirror_bp, NEW.version)
    )
    EXECUTE FUNCTION migrator_unit_moves_with_its_flip();

CREATE FUNCTION migrator_ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger only grows: entry % is neither changed nor deleted', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$;

CREATE TRIGGER ledger_only_grows BEFORE UPDATE OR DELETE ON rollout_flip FOR EACH ROW
    EXECUTE FUNCTION migrator_ledger_only_grows();
"""

BACKWARDS = """
DROP TRIGGER ledger_only_grows ON rollout_flip;
DROP FUNCTION migrator_ledger_only_grows();
DROP TRIGGER unit_moves_with_its_flip ON inventory_unit;
DROP FUNCTION migrator_unit_moves_with_its_flip();
DROP TRIGGER unit_is_born_in_backlog ON inventory_unit;
DROP FUNCTION migrator_unit_is_born_in_backlog();
"""


class Migration(migrations.Migration):
    dependencies = [("rollout", "0001_initial"), ("inventory", "0001_initial")]
    operations = [migrations.RunSQL(FORWARDS, BACKWARDS)]
