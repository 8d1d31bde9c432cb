"""Addresses that only a demo has."""

from __future__ import annotations

from django.urls import path

from portal.demo import views

urlpatterns = [path("demo/tickets/", views.tickets, name="demo-tickets")]
