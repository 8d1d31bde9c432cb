"""Joins consent to the house: hands it what it needs from outside (consent/ports.py)."""

from __future__ import annotations

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate
from django.utils.module_loading import import_string

from consent import ports
from portal import grants
from portal.audit import ports as acts
from portal.outbox import ports as mail


class PortalConfig(AppConfig):
    """The parts are apps of their own; this one only wires them."""

    name = "portal"
    label = "portal"

    def ready(self) -> None:
        # Sent for each app that has models; one of them is enough.
        post_migrate.connect(grants.grant, sender=apps.get_app_config("rights"))
        # By name: this module is loaded before any model can be.
        ports.install(
            sealer=import_string("portal.vault.evidence.EvidenceSealer")(),
            trail=import_string("portal.audit.wiring.ConsentTrail")(),
            publisher=import_string("portal.audit.wiring.LoggedCheckpoints")(),
        )
        mail.install(
            directory=import_string("portal.people.addresses.WorkAddresses")(),
            recipients=import_string("portal.rights.redress.contacts.Contacts")(),
            programs=import_string("portal.people.programs.KnownPrograms")(),
        )
        acts.install(ear=import_string("portal.rights.telling.hear"))
        # People's own choices stand a floor above the one rule of how long things are kept.
        install_chosen = import_string("portal.events.keeping.install")
        install_chosen(shorter=import_string("portal.rights.retention.chosen.shorter"))
        # Without it the web would nudge the workers over a broker that nobody set.
        import_string("portal.celery.app")
