"""What can be written down: the closed list of actions, who acted, and for what a person's data may be read."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext_lazy as _

Facts = dict[str, str | int | bool | None | list[str] | dict[str, int]]


class ActorKind(StrEnum):
    """Who or what acted."""

    PERSON = "person"
    CLIENT = "client"
    COMMAND = "command"
    SYSTEM = "system"


@dataclass(frozen=True)
class Actor:
    """Who acted. `label` is copied into the trail for staff and clients only, never for the person concerned."""

    kind: ActorKind
    id: str
    role: str = ""
    label: str = ""


SYSTEM = Actor(ActorKind.SYSTEM, "system")


class Action(StrEnum):
    """Every act there is; `SENTENCES` says how each is shown."""

    DATA_VIEWED = "data.viewed"
    DATA_READ = "data.read"
    BUNDLE_DOWNLOADED = "bundle.downloaded"
    CERTIFICATE_DOWNLOADED = "certificate.downloaded"
    DECISIONS_READ = "decisions.read"
    RECEIPTS_READ = "receipts.read"
    DECISION_TOLD = "decision.told"
    ACCESS_REFUSED = "access.refused"

    DECISION_GIVEN = "decision.given"
    DECISION_REFUSED = "decision.refused"
    DECISION_WITHDRAWN = "decision.withdrawn"
    DECISION_OBJECTED = "decision.objected"
    DECISION_ACKNOWLEDGED = "decision.acknowledged"
    COLLECTION_PAUSED = "collection.paused"
    COLLECTION_RESUMED = "collection.resumed"
    COLLECTION_RESTRICTED = "collection.restricted"
    RESTRICTION_LIFTED = "restriction.lifted"
    COLLECTION_FENCED = "collection.fenced"

    REQUEST_OPENED = "request.opened"
    REQUEST_CONFIRMED = "request.confirmed"
    REQUEST_APPROVED = "request.approved"
    REQUEST_REFUSED = "request.refused"
    REQUEST_EXTENDED = "request.extended"
    REQUEST_CANCELLED = "request.cancelled"
    REQUEST_READY = "request.ready"
    REQUEST_DONE = "request.done"
    REQUEST_EXPIRED = "request.expired"
    REQUEST_STUCK = "request.stuck"
    REQUEST_JOINED = "request.joined"
    REQUEST_RETRIED = "request.retried"
    REFUSAL_TAKEN_BACK = "refusal.taken_back"
    QUEUE_VIEWED = "queue.viewed"
    CASE_VIEWED = "case.viewed"
    CASE_TAKEN = "case.taken"
    CASE_LET_GO = "case.let_go"
    NOTE_WRITTEN = "note.written"
    MESSAGE_SENT = "message.sent"
    MESSAGE_ANSWERED = "message.answered"
    FILE_READ = "file.read"
    INTAKE_RECORDED = "intake.recorded"
    INTAKE_VIEWED = "intake.viewed"
    INTAKE_MATCHED = "intake.matched"
    INTAKE_ENDING_PROPOSED = "intake.ending_proposed"
    INTAKE_ENDING_TAKEN_BACK = "intake.ending_taken_back"
    INTAKE_CLOSED = "intake.closed"
    CODE_MADE = "code.made"
    CODE_SHOWN = "code.shown"
    CODE_ENDED = "code.ended"
    HOLD_PLACED = "hold.placed"
    HOLD_VIEWED = "hold.viewed"
    HOLD_CONFIRMED = "hold.confirmed"
    HOLD_RELEASED = "hold.released"
    REQUEST_HELD = "request.held"
    REQUEST_RESUMED = "request.resumed"
    REQUEST_ASKED = "request.asked"
    REQUEST_ANSWERED = "request.answered"
    REQUEST_ACKNOWLEDGED = "request.acknowledged"
    ERASURE_STARTED = "erasure.started"
    ERASURE_KEYS_DESTROYED = "erasure.keys_destroyed"
    ERASURE_CERTIFIED = "erasure.certified"
    CERTIFICATE_FAILS = "certificate.fails"
    KEK_RENEWED = "kek.renewed"
    RECIPIENT_TOLD = "recipient.told"
    RECIPIENT_CONFIRMED = "recipient.confirmed"
    RESTRICTION_ENDING = "restriction.ending"
    RETENTION_SHORTENED = "retention.shortened"
    RETENTION_LENGTHENED = "retention.lengthened"

    EMPLOYEE_IMPORTED = "employee.imported"
    EMPLOYEE_CHANGED = "employee.changed"
    EMPLOYEE_DEACTIVATED = "employee.deactivated"
    PERSON_PASSWORD_SET = "person.password_set"  # noqa: S105
    LEAVING_CHANNEL_CHOSEN = "leaving.channel_chosen"
    LEAVING_SCHEDULED = "leaving.scheduled"
    LEAVING_CODE_WANTED = "leaving.code_wanted"
    LEAVING_CODE_SENT = "leaving.code_sent"
    LEAVING_CODE_USED = "leaving.code_used"
    LEAVING_CODE_REVOKED = "leaving.code_revoked"
    PERSON_SESSIONS_ENDED = "person.sessions_ended"
    ROLE_GRANTED = "role.granted"
    ROLE_CONFIRMED = "role.confirmed"
    ROLE_ENDED = "role.ended"
    API_CLIENT_CREATED = "api_client.created"
    API_CLIENT_ENDED = "api_client.ended"

    POLICY_APPLIED = "policy.applied"
    POLICY_APPROVED = "policy.approved"
    PURPOSE_DEFINED = "purpose.defined"
    PURPOSE_LIVE = "purpose.live"
    PURPOSE_ASKED_AGAIN = "purpose.asked_again"
    PURPOSE_CLEARED = "purpose.cleared"
    PURPOSE_RETIRED = "purpose.retired"
    NOTICE_PUBLISHED = "notice.published"
    SOURCE_LIVE = "source.live"
    SOURCE_RETIRED = "source.retired"
    IMPORT_RUN = "import.run"
    COLLECTOR_JOINED = "collector.joined"
    COLLECTOR_REFUSED = "collector.refused"
    COLLECTOR_INSTALLED = "collector.installed"
    COLLECTOR_ANSWERED = "collector.answered"
    COLLECTOR_PAUSED = "collector.paused"
    COLLECTOR_RESUMED = "collector.resumed"
    COLLECTOR_ENDED = "collector.ended"
    DEVICE_DESCRIBED = "device.described"
    ENROLMENT_FILE_MADE = "enrolment_file.made"
    MAIL_RETRIED = "mail.retried"
    STORE_ASKED = "store.asked"
    STORE_ANSWERED = "store.answered"
    WEBHOOK_CREATED = "webhook.created"
    WEBHOOK_ROTATED = "webhook.rotated"
    WEBHOOK_DISABLED = "webhook.disabled"
    WEBHOOK_ENABLED = "webhook.enabled"
    WEBHOOK_REPLAYED = "webhook.replayed"
    LEDGER_CLOSED = "ledger.closed"
    LEDGER_REOPENED = "ledger.reopened"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    JOURNAL_REPLAYED = "journal.replayed"
    DAYS_LOST = "days.lost"


SENTENCES = {
    Action.DATA_VIEWED: _("looked at single records of one's own data"),
    Action.DATA_READ: _("read single records of somebody's data"),
    Action.BUNDLE_DOWNLOADED: _("downloaded a copy of the data"),
    Action.CERTIFICATE_DOWNLOADED: _("downloaded a certificate of deletion"),
    Action.DECISIONS_READ: _("read somebody's decisions"),
    Action.RECEIPTS_READ: _("read somebody's receipts"),
    Action.DECISION_TOLD: _("was told that somebody took a yes back"),
    Action.ACCESS_REFUSED: _("tried to read somebody's data and was refused"),
    Action.DECISION_GIVEN: _("said yes to a purpose"),
    Action.DECISION_REFUSED: _("said no to a purpose"),
    Action.DECISION_WITHDRAWN: _("took a yes back"),
    Action.DECISION_OBJECTED: _("objected to a purpose"),
    Action.DECISION_ACKNOWLEDGED: _("took note of a purpose"),
    Action.COLLECTION_PAUSED: _("paused the collection"),
    Action.COLLECTION_RESUMED: _("ended a pause"),
    Action.COLLECTION_RESTRICTED: _("restricted the use of data"),
    Action.RESTRICTION_LIFTED: _("lifted a restriction"),
    Action.COLLECTION_FENCED: _("shut out data that is being deleted"),
    Action.REQUEST_OPENED: _("opened a request"),
    Action.REQUEST_CONFIRMED: _("confirmed a request"),
    Action.REQUEST_APPROVED: _("approved a request"),
    Action.REQUEST_REFUSED: _("refused a request"),
    Action.REQUEST_EXTENDED: _("extended the time for a request"),
    Action.REQUEST_CANCELLED: _("cancelled a request"),
    Action.REQUEST_READY: _("made a copy ready"),
    Action.REQUEST_DONE: _("completed a request"),
    Action.REQUEST_EXPIRED: _("removed a copy whose time was over"),
    Action.REQUEST_STUCK: _("could not go on with a request"),
    Action.REQUEST_JOINED: _("joined a request to an earlier one that asks for the same"),
    Action.REQUEST_RETRIED: _("tried again what could not go on"),
    Action.REFUSAL_TAKEN_BACK: _("took a proposed refusal back"),
    Action.QUEUE_VIEWED: _("looked at the queue of requests"),
    Action.CASE_VIEWED: _("opened the case of a request"),
    Action.CASE_TAKEN: _("took the case over"),
    Action.CASE_LET_GO: _("gave the case back to the queue"),
    Action.NOTE_WRITTEN: _("wrote a note into the case"),
    Action.MESSAGE_SENT: _("wrote a message to the person"),
    Action.MESSAGE_ANSWERED: _("wrote a message about a request"),
    Action.FILE_READ: _("opened a file of a case"),
    Action.INTAKE_RECORDED: _("recorded a request that came in from outside"),
    Action.INTAKE_VIEWED: _("opened a request of somebody unknown"),
    Action.INTAKE_MATCHED: _("matched a request to a person"),
    Action.INTAKE_ENDING_PROPOSED: _("proposed how to close a request of somebody unknown"),
    Action.INTAKE_ENDING_TAKEN_BACK: _("took back how a request of somebody unknown was to be closed"),
    Action.INTAKE_CLOSED: _("closed a request of somebody unknown"),
    Action.CODE_MADE: _("made a code with which a copy can be fetched"),
    Action.CODE_SHOWN: _("was shown one half of a code to pass it on"),
    Action.CODE_ENDED: _("made a code worthless"),
    Action.HOLD_PLACED: _("placed a legal hold"),
    Action.HOLD_VIEWED: _("looked at a legal hold"),
    Action.HOLD_CONFIRMED: _("confirmed a legal hold"),
    Action.HOLD_RELEASED: _("released a legal hold"),
    Action.REQUEST_HELD: _("stopped a deletion because of a legal hold"),
    Action.REQUEST_RESUMED: _("went on with what a legal hold had stopped"),
    Action.REQUEST_ASKED: _("asked the person a question about a request"),
    Action.REQUEST_ANSWERED: _("answered a question about a request"),
    Action.REQUEST_ACKNOWLEDGED: _("confirmed that a request had been received"),
    Action.ERASURE_STARTED: _("began a deletion"),
    Action.ERASURE_KEYS_DESTROYED: _("destroyed the keys of deleted data"),
    Action.ERASURE_CERTIFIED: _("certified a deletion"),
    Action.CERTIFICATE_FAILS: _("found that a certificate does not hold any more"),
    Action.RECIPIENT_TOLD: _("told a recipient what became of data"),
    Action.RECIPIENT_CONFIRMED: _("confirmed what became of data that was handed on"),
    Action.RESTRICTION_ENDING: _("announced that a restriction ends"),
    Action.RETENTION_SHORTENED: _("had data of a category kept for a shorter time"),
    Action.RETENTION_LENGTHENED: _("took back that data of a category is kept for a shorter time"),
    Action.KEK_RENEWED: _("renewed the key that wraps all keys"),
    Action.EMPLOYEE_IMPORTED: _("added a person from the directory"),
    Action.EMPLOYEE_CHANGED: _("changed a person's entry from the directory"),
    Action.EMPLOYEE_DEACTIVATED: _("closed a person's sign-in"),
    Action.PERSON_PASSWORD_SET: _("set a person's password"),
    Action.LEAVING_CHANNEL_CHOSEN: _("chose where an access code is to be sent"),
    Action.LEAVING_SCHEDULED: _("set the day on which the account of somebody who left ends"),
    Action.LEAVING_CODE_WANTED: _("had a new access code sent"),
    Action.LEAVING_CODE_SENT: _("sent an access code to where the person chose"),
    Action.LEAVING_CODE_USED: _("came in with an access code"),
    Action.LEAVING_CODE_REVOKED: _("took an access code back"),
    Action.PERSON_SESSIONS_ENDED: _("ended a person's sessions"),
    Action.ROLE_GRANTED: _("granted a role"),
    Action.ROLE_CONFIRMED: _("confirmed a role"),
    Action.ROLE_ENDED: _("ended a role"),
    Action.API_CLIENT_CREATED: _("created an API client"),
    Action.API_CLIENT_ENDED: _("ended an API client"),
    Action.POLICY_APPLIED: _("drafted a policy"),
    Action.POLICY_APPROVED: _("approved a policy"),
    Action.PURPOSE_DEFINED: _("defined a purpose"),
    Action.PURPOSE_LIVE: _("put a purpose into force"),
    Action.PURPOSE_ASKED_AGAIN: _("had those who said no long ago asked once more"),
    Action.PURPOSE_CLEARED: _("opened the deletion of what an ended purpose leaves"),
    Action.PURPOSE_RETIRED: _("ended a purpose"),
    Action.NOTICE_PUBLISHED: _("published a notice"),
    Action.SOURCE_LIVE: _("put a source into operation"),
    Action.SOURCE_RETIRED: _("took a source out of operation"),
    Action.IMPORT_RUN: _("imported a recording"),
    Action.COLLECTOR_JOINED: _("connected a collector"),
    Action.COLLECTOR_REFUSED: _("refused a collector that asked to be connected"),
    Action.COLLECTOR_INSTALLED: _("installed a collector that waits for the person’s answer"),
    Action.COLLECTOR_ANSWERED: _("let a collector begin that was installed by the company"),
    Action.COLLECTOR_PAUSED: _("paused a collector"),
    Action.COLLECTOR_RESUMED: _("resumed a collector"),
    Action.COLLECTOR_ENDED: _("removed a collector"),
    Action.DEVICE_DESCRIBED: _("said whose a device is and where it is used"),
    Action.ENROLMENT_FILE_MADE: _("made a file that installs a collector for a person"),
    Action.STORE_ASKED: _("asked another system of the company"),
    Action.STORE_ANSWERED: _("had the answer of another system of the company"),
    Action.MAIL_RETRIED: _("had mail sent again that was given up"),
    Action.WEBHOOK_CREATED: _("let a connected system be told of what happens"),
    Action.WEBHOOK_ROTATED: _("gave a connected system a new secret"),
    Action.WEBHOOK_DISABLED: _("stopped telling a connected system"),
    Action.WEBHOOK_ENABLED: _("began to tell a connected system again"),
    Action.WEBHOOK_REPLAYED: _("told a connected system once more"),
    Action.LEDGER_CLOSED: _("closed the site because the log does not hold"),
    Action.LEDGER_REOPENED: _("opened the site again: the log holds"),
    Action.BACKUP_MADE: _("made a backup"),
    Action.BACKUP_RESTORED: _("restored a backup"),
    Action.JOURNAL_REPLAYED: _("applied again what was said after the backup that was restored"),
    Action.DAYS_LOST: _("restored a backup without some of the days that were recorded"),
}

# An access is a read of somebody's data that leaves the house: an act and a leaf, committed before a byte is sent.
ACCESSES = frozenset(
    {Action.DATA_READ, Action.BUNDLE_DOWNLOADED, Action.DECISIONS_READ, Action.RECEIPTS_READ, Action.DECISION_TOLD}
)
# What the page "who looked" lists: accesses, one's own views, and what was refused.
LOOKS = ACCESSES | {Action.DATA_VIEWED, Action.ACCESS_REFUSED}


class ReadPurpose(StrEnum):
    """For what somebody else's data may be read, besides a purpose bound to the data itself."""

    SUBJECT_REQUEST = "subject_request"
    INCIDENT = "incident"
    LEGAL_CLAIM = "legal_claim"
    SUPERVISORY_AUTHORITY = "supervisory_authority"


def may_read_for(purpose: str, bound: Collection[str]) -> bool:
    """Return whether data bound to these purposes may be read for this one."""
    return purpose in set(ReadPurpose) or purpose in bound
