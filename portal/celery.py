"""The Celery app and what beat repeats; every task here may run twice at once without harm."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery
from celery.signals import task_prerun
from django.conf import settings
from django.db import close_old_connections

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
# The one for every thread: "current" would be that of the thread alone that imported this.
app.set_default()
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
# Connecting costs more than most tasks: each process keeps its connections for so many of them.
app.conf.CELERY_DB_REUSE_MAX = 100


@task_prerun.connect
def drop_broken_connections(**about: Any) -> None:
    """Have what a connection's last task left of it looked at before the next one uses it."""
    close_old_connections()


app.conf.beat_schedule = {
    "sign the ledger": {
        "task": "portal.audit.tasks.sign_checkpoint",
        "schedule": settings.CHECKPOINT_SECONDS,
    },
    "fold the volumes": {"task": "portal.events.tasks.fold_volumes", "schedule": settings.FOLD_SECONDS},
    "seal finished days": {"task": "portal.events.tasks.seal_days", "schedule": 3600},
    "forget old receipts": {"task": "portal.events.tasks.forget_receipts", "schedule": 24 * 3600},
    "forget days off": {"task": "portal.events.tasks.forget_days_off", "schedule": 24 * 3600},
    "go on with requests": {"task": "portal.rights.tasks.sweep", "schedule": settings.SWEEP_SECONDS},
    "renew the key-encryption key": {
        "task": "portal.rights.tasks.renew_kek",
        "schedule": max(1, min(5, settings.KEK_RENEWAL_SECONDS)),
    },
    "take back what is over": {"task": "portal.rights.connectors.tasks.take_back", "schedule": 30},
    "call controllers back": {"task": "portal.rights.opendsr.tasks.deliver", "schedule": settings.SWEEP_SECONDS},
    "send mail": {"task": "portal.outbox.tasks.sweep", "schedule": settings.SWEEP_SECONDS},
    "tell endpoints": {"task": "portal.outbox.tasks.tell", "schedule": settings.SWEEP_SECONDS},
    "forget old mail": {"task": "portal.outbox.tasks.forget", "schedule": 24 * 3600},
    "tell of drafts": {"task": "portal.oversight.tasks.tell_of_drafts", "schedule": 60},
    "count answers": {"task": "portal.oversight.tasks.count_answers", "schedule": 3600},
    "mail the newest checkpoint": {"task": "portal.oversight.tasks.mail_checkpoint", "schedule": 3600},
    "clear what ended purposes leave": {"task": "portal.rights.tasks.clear_ended_purposes", "schedule": 20},
    "tell of wider notices": {"task": "portal.rights.tasks.tell_of_wider_notices", "schedule": 300},
    "renew answers that run out": {"task": "portal.rights.tasks.renew_answers", "schedule": 24 * 3600},
    "end what was announced to end": {"task": "portal.rights.redress.tasks.lift_due", "schedule": 300},
    "remind recipients": {"task": "portal.rights.redress.tasks.remind_recipients", "schedule": 24 * 3600},
    "remind of dates": {"task": "portal.rights.clocks.tasks.remind", "schedule": 3600},
    "follow up on who left": {"task": "portal.rights.leaving.tasks.sweep", "schedule": 20},
    "check certificates": {"task": "portal.rights.tasks.check_certificates", "schedule": 3600},
    "check the vault": {"task": "portal.rights.tasks.check_vault", "schedule": 24 * 3600},
    "forget who stayed unknown": {"task": "portal.rights.cases.tasks.forget_unknown", "schedule": 24 * 3600},
    "delete what is over": {"task": "portal.rights.retention.tasks.begin_night", "schedule": 600},
    "shorten at once": {"task": "portal.rights.retention.tasks.shorten_at_once", "schedule": 20},
    "forget what let collectors in": {"task": "portal.events.enrolment.tasks.forget_old", "schedule": 3600},
    "expire copies": {"task": "portal.rights.tasks.expire_bundles", "schedule": 300},
}
