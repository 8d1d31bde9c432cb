"""The one way in which what the database guards of a person goes: for an account erasure, at its step, and at no other.

The role of web and workers may execute the first function and nothing more; it owns neither, nor the tables.
"""

from __future__ import annotations

from django.db import migrations

ROWS = """
CREATE FUNCTION public.daylight_forget_rows(whom uuid) RETURNS void LANGUAGE plpgsql
SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('daylight.forgetting', whom::text, true);
    DELETE FROM public.consent_decision WHERE subject_id = whom;
    DELETE FROM public.consent_opening WHERE subject_id = whom;
    DELETE FROM public.consent_gate WHERE subject_id = whom;
    DELETE FROM public.audit_act WHERE subject_id = whom;
    UPDATE public.audit_act SET actor_label = '' WHERE actor_id = whom::text AND actor_label <> '';
    PERFORM set_config('daylight.forgetting', '', true);
END $$;
REVOKE ALL ON FUNCTION public.daylight_forget_rows(uuid) FROM PUBLIC;
"""
FORGET = """
CREATE FUNCTION public.forget_account(whom uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE asked record; step text;
BEGIN
    SELECT * INTO asked FROM public.rights_subjectrequest
     WHERE subject_id = whom AND account AND kind = 'erasure' AND state = 'processing'
     ORDER BY opened_at LIMIT 1 FOR UPDATE;
    IF asked IS NULL THEN
        RAISE EXCEPTION 'no erasure of this account is under way' USING ERRCODE = 'insufficient_privilege';
    END IF;
    -- The person's own wish, the schedule they were shown, or somebody other than who asked for it.
    IF NOT (asked.opener_id = 'person:' || whom::text OR asked.opened_by = 'system'
            OR (asked.decided_by <> '' AND asked.decided_by <> asked.opener_id)) THEN
        RAISE EXCEPTION 'the erasure of this account is not approved' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT name INTO step FROM public.rights_steprun
     WHERE request_id = asked.id AND state <> 'done' ORDER BY position LIMIT 1;
    IF step IS DISTINCT FROM 'forget' THEN
        RAISE EXCEPTION 'the erasure of this account is not at its step' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT 1 FROM public.people_employee WHERE id = whom AND is_active) THEN
        RAISE EXCEPTION 'this account is in use' USING ERRCODE = 'insufficient_privilege';
    END IF;
    PERFORM public.daylight_forget_rows(whom);
END $$;
REVOKE ALL ON FUNCTION public.forget_account(uuid) FROM PUBLIC;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("leaving", "0001_initial"),
        ("rights", "0004_cases"),
        ("consent", "0005_forgotten"),
        ("audit", "0003_forgotten"),
        ("people", "0002_api_clients"),
    ]
    operations = [
        migrations.RunSQL(ROWS, "DROP FUNCTION public.daylight_forget_rows(uuid)"),
        migrations.RunSQL(FORGET, "DROP FUNCTION public.forget_account(uuid)"),
    ]
