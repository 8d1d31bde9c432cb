"""Every address of the site."""

from __future__ import annotations

from django.conf import settings
from django.urls import include, path

from portal import views
from portal.audit.api import router as ledger
from portal.events.api import router as collectors
from portal.http import StrictParser, install_problems
from portal.openapi import DescribedAPI
from portal.outbox.described import webhooks
from portal.rights.api import router as requests
from portal.rights.api_answers import router as answers

ABOUT = """
Requests of people about their data, for programs that act for the company; collectors send what they observe.

A token comes from `/.well-known/openid-configuration` (client credentials). Errors are `application/problem+json`.
Times are RFC 3339 with a zone. Lists come in pages: `next` is the cursor of the following one, or null.
"""
api = DescribedAPI(
    title="Daylight",
    version="1",
    urls_namespace="api",
    docs_url="/docs",
    openapi_url="/openapi.json",
    description=ABOUT,
    parser=StrictParser(),
    openapi_extra={"webhooks": webhooks()},
)
install_problems(api)
api.add_router("/ledger", ledger)
api.add_router("", collectors)
api.add_router("", requests)
api.add_router("", answers)

handler500 = "portal.views.failed"
urlpatterns = [
    # First, for what collectors call most often: each pattern before it would be tried for every batch.
    path("api/v1/", api.urls),
    path("", views.home, name="home"),
    path("choices/", include("portal.rights.choices.urls")),
    path("days-off/", include("portal.rights.choices.urls_days_off")),
    path("welcome/", include("portal.rights.choices.urls_welcome")),
    path("receipts/", include("portal.rights.receipts.urls")),
    path("", include("portal.events.urls")),
    path("", include("portal.events.enrolment.urls")),
    path("", include("portal.rights.redress.urls")),
    path("", include("portal.rights.holds.urls")),
    path("", include("portal.rights.clocks.urls")),
    path("", include("portal.rights.retention.urls")),
    path("", include("portal.rights.leaving.urls")),
    path("", include("portal.rights.urls")),
    path("", include("portal.rights.cases.urls")),
    path("", include("portal.rights.opendsr.urls")),
    path("", include("portal.rights.connectors.urls")),
    path("", include("portal.audit.urls")),
    path("", include("portal.oversight.urls")),
    path("", include("portal.register.urls")),
    *([path("", include("portal.demo.urls"))] if settings.DEMO else []),
    path("healthz", views.healthz, name="healthz"),
    path("accounts/", include("allauth.urls")),
    path("", include("allauth.idp.urls")),
]
