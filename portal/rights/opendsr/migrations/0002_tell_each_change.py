"""Each change of a request's status becomes a row to be told, in the transaction of the change."""

from __future__ import annotations

from django.db import migrations

FORWARD = """
CREATE FUNCTION opendsr_status(state text) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN state IN ('received', 'acknowledged', 'in_review', 'awaiting_subject', 'on_hold') THEN 'pending'
        WHEN state IN ('extended', 'processing', 'ready', 'needs_attention') THEN 'in_progress'
        WHEN state IN ('withdrawn', 'refused') THEN 'cancelled'
        ELSE 'completed'
    END
$$;

CREATE FUNCTION opendsr_tell() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF opendsr_status(NEW.state) <> opendsr_status(OLD.state) OR NEW.state = 'ready' THEN
        INSERT INTO opendsr_callback (asked_id, url, status)
        SELECT asked.id, address.url, opendsr_status(NEW.state)
          FROM opendsr_asked asked, jsonb_array_elements_text(asked.callbacks) AS address(url)
         WHERE asked.request_id = NEW.id;
    END IF;
    RETURN NULL;
END
$$;

CREATE TRIGGER opendsr_tell AFTER UPDATE OF state ON rights_subjectrequest
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION opendsr_tell();
"""
BACKWARD = """
DROP TRIGGER opendsr_tell ON rights_subjectrequest;
DROP FUNCTION opendsr_tell();
DROP FUNCTION opendsr_status(text);
"""


class Migration(migrations.Migration):
    dependencies = [("opendsr", "0001_initial"), ("rights", "0004_cases")]

    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
