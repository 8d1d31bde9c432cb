"""What was joined to another request stands where that one stands, whatever moved it."""

from __future__ import annotations

from django.db import migrations

FOLLOW = """
CREATE FUNCTION rights_joined_follows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE rights_subjectrequest
       SET state = NEW.state, closed_at = NEW.closed_at, reason = NEW.reason, reason_code = NEW.reason_code
     WHERE joined_to_id = NEW.id AND state <> 'withdrawn';
    RETURN NULL;
END $$;

CREATE TRIGGER rights_joined_follows
    AFTER UPDATE OF state, closed_at, reason, reason_code ON rights_subjectrequest
    FOR EACH ROW
    WHEN (NEW.joined_to_id IS NULL AND NEW.state <> 'withdrawn'
          AND (OLD.state, OLD.closed_at, OLD.reason, OLD.reason_code)
              IS DISTINCT FROM (NEW.state, NEW.closed_at, NEW.reason, NEW.reason_code))
    EXECUTE FUNCTION rights_joined_follows();
"""
UNFOLLOW = """
DROP TRIGGER rights_joined_follows ON rights_subjectrequest;
DROP FUNCTION rights_joined_follows();
"""


class Migration(migrations.Migration):
    dependencies = [("rights", "0004_cases")]

    operations = [migrations.RunSQL(FOLLOW, UNFOLLOW)]
