"""Where people answer for a system that no program can ask, and where other systems say that something changed."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from portal import strictjson
from portal.http import View, rule
from portal.people.guards import actor_of, refuse
from portal.people.subjects import in_line
from portal.register.models import Store
from portal.rights import handling, tasks
from portal.rights.cases.uploads import takes_files
from portal.rights.cases.values import Upload
from portal.rights.connectors import actions, pages, proof
from portal.rights.connectors.calling import Line
from portal.rights.connectors.forms import AnswerForm
from portal.rights.connectors.models import StoreTask
from portal.rights.connectors.values import NoAnswer
from portal.rights.models import SubjectRequest
from portal.rights.opendsr.values import Wrong
from portal.rights.values import NotAllowed

MOST_BYTES = 64 * 1024


def own_task(view: Callable[[HttpRequest, StoreTask], HttpResponse]) -> View:
    """The rule of a case, and of one that is private: whoever has to look into a system learns whose it is, not why."""

    @rule("perm:requests.handle")
    @wraps(view)
    def guarded(request: HttpRequest, *, pk: UUID, store: str) -> HttpResponse:
        found = SubjectRequest.objects.filter(pk=pk).first()
        if found is None:
            raise Http404
        if in_line(request.user.pk, found.subject_id):
            refuse(request, found.subject_id)
        task = found.store_tasks.filter(store_key=store).first()
        if task is None:
            return redirect("store-tasks")
        task.request = found
        return view(request, task)

    return guarded


@require_safe
@rule("perm:requests.handle")
def waiting(request: HttpRequest) -> HttpResponse:
    """List what somebody has to look into by hand."""
    return render(request, "rights/store_tasks.html", {"rows": pages.waiting_for_people(request.user)})


@takes_files
@require_http_methods(["GET", "POST"])
@own_task
def task(request: HttpRequest, found: StoreTask) -> HttpResponse:
    """Show what to look into, and take the answer."""
    if request.method == "GET":
        return _page(request, found, AnswerForm(copy=found.request.is_copy))
    form = AnswerForm(request.POST, request.FILES, copy=found.request.is_copy)
    if not form.is_valid():
        return _page(request, found, form)
    uploads = [Upload(each.name or "", each.read()) for each in request.FILES.getlist("file")]
    said = {name: form.cleaned_data[name] for name in ("outcome", "note")}
    try:
        actions.answer(task=found, by=actor_of(request), uploads=uploads, **said)
    except NotAllowed as error:
        form.add_error(None, error.detail)
        return _page(request, found, form)
    messages.success(request, _("Written down, with your name and the time."))
    tasks.nudge(found.request_id)
    return redirect("store-tasks")


def _page(request: HttpRequest, found: StoreTask, form: AnswerForm) -> HttpResponse:
    why_not = handling.why_not_handle(found.request, actor_of(request))
    shown = pages.one(found, why_not) | {"form": form}
    return render(request, "rights/store_task.html", shown, status=422 if form.is_bound else 200)


# --- what other systems say


def signed(view: View) -> View:
    """The rule `signature`: whoever calls proves who it is by what it signed."""
    view.rule = "signature"  # type: ignore[attr-defined]
    return view


@csrf_exempt
@require_POST
@signed
def callback(request: HttpRequest, number: UUID) -> HttpResponse:
    """Take a hint that something changed: it has to be signed, and what is so is asked for afterwards."""
    found = StoreTask.objects.unsettled().filter(number=number, asked_at__isnull=False).first()
    store = Store.objects.filter(pk=found.store_key, kind="opendsr").first() if found else None
    if found is None or store is None:
        return _wrong(404, "There is no such request.")
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > MOST_BYTES:
        return _wrong(413, "The body is too long.")
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        said = proof.read(Line(store.how), request.body, headers)
    except (NoAnswer, strictjson.Malformed):
        return _wrong(403, "The signature proves nothing.")
    if said.get("subject_request_id") != str(number):
        return _wrong(400, "It is about another request.")
    if heard := actions.heard_from(number):
        tasks.nudge(heard.request_id)
    return JsonResponse({}, status=202)


def _wrong(status: int, message: str) -> HttpResponse:
    return JsonResponse(Wrong(status, message).body(), status=status)
