"""Staff need a second factor before they act as staff."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _


class StaffSecondFactor:
    """Lead a member of staff without a second factor to its set-up before any staff page.

    The wall is `Employee.permissions`, which are none until then; this says so instead of a bare 403.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        staff_page = str(getattr(view, "rule", "")).startswith("perm:")
        if not (staff_page and request.user.is_authenticated and request.user.lacks_second_factor):
            return None
        messages.info(request, _("Your role needs a second factor. Set it up here, then go on."))
        return redirect("mfa_activate_totp")
