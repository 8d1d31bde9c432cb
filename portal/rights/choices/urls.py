"""Where answers are given."""

from __future__ import annotations

from django.urls import path

from portal.rights.choices import views as views
from portal.rights.choices import views_history, views_notices, views_pause

urlpatterns = [
    path("", views.choices, name="choices"),
    path("history/", views_history.history, name="history"),
    path("pause/", views_pause.pause, name="pause"),
    path("resume/", views_pause.resume, name="resume"),
    path("<slug:purpose_key>/notices/<int:version>/", views_notices.notice, name="notice"),
    path("<slug:purpose_key>/notice/<int:version>/", views_notices.moved, name="notice-moved"),
    path("<slug:purpose_key>/give/", views.give, name="give"),
    path("<slug:purpose_key>/refuse/", views.refuse, name="refuse"),
    path("<slug:purpose_key>/withdraw/", views.withdraw, name="withdraw"),
    path("<slug:purpose_key>/object/", views.object_to, name="object"),
    path("<slug:purpose_key>/acknowledge/", views.acknowledge, name="acknowledge"),
]
