"""Where the register is shown."""

from __future__ import annotations

from django.urls import path

from portal.register import views

urlpatterns = [path("register/", views.register, name="register")]
