"""What forms do later."""

from jazzaam.control.preferences.models import NotificationKind
from jazzaam.crm.forms import service
from jazzaam.crm.forms.events import FormCreated, LeadCaptured, SubmissionQuarantined
from jazzaam.crm.forms.repository import FormRepository
from jazzaam.crm.leads import service as leads
from jazzaam.crm.leads.errors import LeadNotFound
from jazzaam.crm.notifications import service as notifications
from jazzaam.crm.workspace import Workspace
from jazzaam.jobs.registry import job


@job("forms.notify_new_lead", atomic=True)
async def notify_new_lead(workspace: Workspace, event: LeadCaptured) -> None:
    """Tell the members that a lead came in; a lead that is gone again is not told of."""
    try:
        lead = await leads.get_lead(workspace, event.lead_id)
    except LeadNotFound:
        return
    form = await FormRepository(workspace.db).get(event.form_id)
    who = lead.get("fullName") or lead.get("email") or lead.get("platformUrl") or "Somebody"
    await notifications.notify(
        workspace,
        NotificationKind.new_lead,
        event.lead_id,
        {"lead": who, "form": (form or {}).get("name") or "a form"},
    )


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
