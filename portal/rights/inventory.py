"""Every table of the project: what carries it out in a copy, what erases it, or why it is kept."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _

from portal.rights.values import Text


@dataclass(frozen=True)
class Entry:
    """What happens to a table. `exported` names the file of a copy, `erased` the step or event that removes it.

    A table that no erasure reaches says in `kept` why; the person reads it.
    """

    exported: str = ""
    erased: str = ""
    kept: Text = ""


NOBODY = _("It is about nobody.")
EVIDENCE = _("It proves what you decided and that it was kept to; it goes with the account.")
WORKS = _("It is needed for the account to work; it goes with the account.")

INVENTORY: dict[str, Entry] = {
    # what was collected
    "events.Block": Entry(exported="data/", erased="rewrite_days"),
    "events.Segment": Entry(exported="data/", erased="rewrite_days"),
    "events.Volume": Entry(exported="daily_totals", erased="rewrite_volumes"),
    "events.LastFocus": Entry(exported="data/", erased="rewrite_volumes"),
    "events.Sender": Entry(
        exported="devices",
        kept=_("It says when each device last sent, asked and went on after your no, so that you can prove it."),
    ),
    "events.StillSending": Entry(kept=_("It names an installation that sends what nobody may keep, and nobody whose.")),
    "events.BatchReceipt": Entry(
        kept=_("It keeps a batch that is sent again from coming back; it holds no event and goes after 31 days.")
    ),
    "enrolment.Device": Entry(
        exported="my_devices", kept=_("It says which device of yours may send, and what you call it.")
    ),
    "enrolment.Collector": Entry(
        exported="my_devices", kept=_("It says what is installed on your device and whether it may send.")
    ),
    "enrolment.Invitation": Entry(kept=_("It lets a collector be installed for you, and goes once it ran out.")),
    # what was asked
    "rights.SubjectRequest": Entry(exported="requests", kept=EVIDENCE),
    "redress.Told": Entry(exported="told", kept=EVIDENCE),
    "redress.Lifting": Entry(exported="requests", kept=EVIDENCE),
    "holds.Hold": Entry(exported="holds", kept=_("It says what had to stay, why, until when and who vouched for it.")),
    "clocks.Clarification": Entry(exported="questions", kept=_("It says what you were asked, and what you answered.")),
    "clocks.MoreTime": Entry(exported="requests", kept=_("It says why an answer to you took longer.")),
    "retention.Shortening": Entry(
        exported="shorter_periods", kept=_("It says for how long you want things kept; it goes with the account.")
    ),
    "retention.Month": Entry(
        exported="deleted_on_time",
        kept=_("It says what was deleted because its time was over, and only you can read it."),
    ),
    "retention.Run": Entry(kept=_("It says up to which day your data was gone through, without data.")),
    "holds.HeldRequest": Entry(kept=_("It says how far an erasure is that a hold stopped, without data.")),
    "rights.StepRun": Entry(kept=_("It says how far a request is, without data.")),
    "rights.Bundle": Entry(exported="manifest.json", erased="delete_bundles"),
    "rights.BundlePart": Entry(exported="manifest.json", erased="delete_bundles"),
    # what other systems asked, and what they were asked
    "connectors.StoreTask": Entry(
        exported="connected/", kept=_("It says which other system was asked for your request, and what it answered.")
    ),
    "opendsr.Asked": Entry(kept=_("It links a request to the number that the system gave it which sent it in.")),
    "opendsr.Callback": Entry(kept=_("It says when a system was told how a request stands, without data.")),
    # what was written and attached while they were handled
    "cases.Assignment": Entry(exported="requests", kept=_("It says which colleague handles your request.")),
    "cases.Entry": Entry(exported="case_notes", kept=_("It says how a request was handled; it goes with the account.")),
    "cases.File": Entry(exported="case_files/", kept=_("It belongs to a request of yours; it goes with the account.")),
    "cases.Intake": Entry(
        exported="requests", kept=_("It says how a request came in and how it was made sure who asked, in codes.")
    ),
    "cases.HandOver": Entry(kept=_("It says that a code for a copy was made and when it ended, and not the code.")),
    # what follows from leaving
    "leaving.Channel": Entry(
        exported="article-15.json", kept=_("It says where your code is to be sent; it goes with the account.")
    ),
    "leaving.Departure": Entry(
        exported="article-15.json",
        kept=_("It says when you left and when your account ends; it goes with the account."),
    ),
    "leaving.AccessCode": Entry(
        kept=_("It lets you in after you left. It holds no code, and names nobody once your account is gone.")
    ),
    "leaving.Keepsake": Entry(kept=_("It holds what you keep of an account that is gone; only your code opens it.")),
    # what was decided and done
    "consent.Decision": Entry(exported="decisions", kept=EVIDENCE),
    "consent.Gate": Entry(exported="decisions", kept=_("It says what may be collected now.")),
    "consent.Opening": Entry(exported="receipts/", kept=EVIDENCE),
    "consent.JournalLine": Entry(kept=_("It is on its way to the journal and removed once it is there.")),
    "audit.Act": Entry(
        exported="access_log", kept=_("It says who looked at your data and what was done, without the data.")
    ),
    "consent.Purpose": Entry(exported="article-15.json", kept=NOBODY),
    "consent.Notice": Entry(exported="article-15.json", kept=NOBODY),
    "consent.NoticeVersion": Entry(exported="article-15.json", kept=NOBODY),
    "consent.LedgerHead": Entry(kept=NOBODY),
    "consent.LedgerState": Entry(kept=NOBODY),
    "consent.LedgerLeaf": Entry(
        exported="receipts/", kept=_("It is a commitment that names nobody, and others' proofs stand on it.")
    ),
    "consent.LedgerNode": Entry(kept=_("It is made of commitments that name nobody.")),
    "consent.Checkpoint": Entry(exported="receipts/", kept=NOBODY),
    # keys
    "vault.SubjectKey": Entry(erased="destroy_old_key"),
    "vault.KeyList": Entry(erased="destroy_old_key"),
    # who
    "people.Employee": Entry(exported="article-15.json", kept=WORKS),
    "people.RoleGrant": Entry(
        exported="article-15.json", kept=_("It says who could do what, and when; every employee may see it.")
    ),
    "people.ApiClient": Entry(kept=NOBODY),
    # what was written
    "outbox.Mail": Entry(kept=_("It says that a mail was sent to you, and when; what was in it goes after 31 days.")),
    "outbox.Endpoint": Entry(kept=NOBODY),
    "outbox.Delivery": Entry(
        kept=_("It says which connected system was told that something happened, by ids; it goes after 31 days.")
    ),
    "outbox.Attempt": Entry(kept=_("It says how a connected system answered, and goes after 31 days.")),
    # what is processed and why
    "register.Source": Entry(exported="register.json", kept=NOBODY),
    "register.Flow": Entry(exported="register.json", kept=NOBODY),
    "register.DoorRules": Entry(kept=NOBODY),
    "register.PurposeRecord": Entry(exported="article-15.json", kept=NOBODY),
    "register.Recipient": Entry(exported="article-15.json", kept=NOBODY),
    "register.Processor": Entry(exported="article-15.json", kept=NOBODY),
    "register.Retention": Entry(exported="article-15.json", kept=NOBODY),
    "register.Assessment": Entry(kept=NOBODY),
    "register.WorksAgreement": Entry(kept=NOBODY),
    "register.Store": Entry(exported="connected/", kept=NOBODY),
    "register.Controller": Entry(exported="article-15.json", kept=NOBODY),
    "register.PolicyDraft": Entry(kept=_("It names who drafted what is processed, which they answer for.")),
    "register.Approval": Entry(kept=_("It names who approved what is processed, which they answer for.")),
    # how groups answered
    "oversight.Count": Entry(kept=NOBODY),
    "oversight.Rate": Entry(kept=NOBODY),
    "oversight.Seat": Entry(kept=_("It says in which groups you were counted, not what you said.")),
    # sign-in
    "account.EmailAddress": Entry(exported="article-15.json", kept=WORKS),
    "account.EmailConfirmation": Entry(kept=WORKS),
    "mfa.Authenticator": Entry(kept=WORKS),
    "usersessions.UserSession": Entry(
        exported="article-15.json", kept=_("It lets you see and end your own sessions; it goes when one ends.")
    ),
    "sessions.Session": Entry(kept=_("It keeps you signed in; it goes when you sign out.")),
    "allauth_idp_oidc.Client": Entry(kept=NOBODY),
    "allauth_idp_oidc.Token": Entry(kept=_("It lets a program in; it goes when it expires.")),
    "auth.Permission": Entry(kept=NOBODY),
    "auth.Group": Entry(kept=NOBODY),
    "contenttypes.ContentType": Entry(kept=NOBODY),
}
