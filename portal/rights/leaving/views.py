"""What every employee chooses before leaving: where the code is sent that lets them in afterwards."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from portal.http import rule
from portal.people.guards import actor_of
from portal.rights.leaving import actions, forms, pages
from portal.rights.values import NotAllowed


@require_http_methods(["GET", "POST"])
@rule("signed_in")
def leaving(request: HttpRequest) -> HttpResponse:
    if request.method == "POST" and "remove" in request.POST:
        actions.remove_channel(subject_id=request.user.pk, by=actor_of(request, about=request.user.pk))
        messages.success(request, _("Removed. Without it, no code can be sent to you after you have left."))
        return redirect("leaving")
    form = forms.ChannelForm(request.POST) if request.method == "POST" else forms.ChannelForm()
    if request.method == "POST" and form.is_valid() and _chosen(request, form):
        messages.success(request, _("Noted. Nobody but you sees it on any page."))
        return redirect("leaving")
    shown = pages.before_leaving(request.user) | {"form": form}
    return render(request, "leaving/leaving.html", shown, status=422 if form.errors else 200)


def _chosen(request: HttpRequest, form: forms.ChannelForm) -> bool:
    me = request.user.pk
    try:
        actions.choose_channel(subject_id=me, by=actor_of(request, about=me), **form.cleaned_data)
    except NotAllowed as error:
        form.add_error("where", error.detail)
        return False
    return True
