"""What forms do later."""

from jazzaam.control.preferences.models import NotificationKind
from jazzaam.crm.forms import service
from jazzaam.crm.forms.events import FormCreated, LeadCaptured, LeadSubmittedAgain, SubmissionQuarantined
from jazzaam.crm.forms.repository import FormRepository
from jazzaam.crm.leads import service as leads
from jazzaam.crm.leads.errors import LeadNotFound
from jazzaam.crm.notifications import service as notifications
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs.registry import job


@job("forms.notify_new_lead", atomic=True)
async def notify_new_lead(workspace: Workspace, event: LeadCaptured) -> None:
    """Notify the members that a lead came in; nobody of a lead that is gone again."""
    await _notify(workspace, NotificationKind.new_lead, event)


@job("forms.notify_submitted_again", atomic=True)
async def notify_submitted_again(workspace: Workspace, event: LeadSubmittedAgain) -> None:
    """Notify the members that somebody who is a lead already wrote again."""
    await _notify(workspace, NotificationKind.submitted_again, event)


async def _notify(
    workspace: Workspace, kind: NotificationKind, event: LeadCaptured | LeadSubmittedAgain
) -> None:
    try:
        lead = await leads.get_lead(workspace, event.lead_id)
    except LeadNotFound:
        return
    form = await FormRepository(workspace.db).get(event.form_id)
    who = lead.get("fullName") or lead.get("email") or lead.get("platformUrl") or "Somebody"
    params = {"lead": who, "form": (form or {}).get("name") or "a form"}
    assignee_id = lead.get("assignedTo")
    await notifications.notify(workspace, kind, event.lead_id, params, assignee_id=assignee_id)


@job("forms.notify_quarantine", atomic=True)
async def notify_quarantine(workspace: Workspace, event: SubmissionQuarantined) -> None:
    """Tell the members, once a day, that leads wait because the plan allows no more."""
    form = await FormRepository(workspace.db).get(event.form_id)
    await notifications.notify_once_a_day(
        workspace, NotificationKind.leads_waiting, {"form": (form or {}).get("name") or "a form"}
    )


@job("forms.activate_key", atomic=False)
async def activate_key(workspace: Workspace, event: FormCreated) -> None:
    """Finish what making a form began, should its process have ended in between; safe to repeat."""
    form = await FormRepository(workspace.db).get(event.form_id)
    if form is not None:
        await service.activate_key(workspace, form)
