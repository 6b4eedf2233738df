"""Every query on forms and submissions."""

from typing import Final

from bson import ObjectId
from pymongo.errors import DuplicateKeyError

from jazzaam.crm.forms.errors import FormExists
from jazzaam.crm.forms.models import FORMS, SUBMISSIONS, FormStatus
from jazzaam.crm.forms.schemas import StoredForm, StoredSubmission
from jazzaam.crm.projections import projection_of
from jazzaam.pagination import Position, newest_first
from jazzaam.tenancy.database import Document, TenantDatabase

_FORM: Final = projection_of(StoredForm)
_SUBMISSION: Final = projection_of(StoredSubmission)


class FormRepository:
    """Forms of one tenant."""

    def __init__(self, db: TenantDatabase) -> None:
        self._forms = db[FORMS]

    async def add(self, form: Document) -> None:
        """Write a form; raises `FormExists` when its platform has an active one."""
        try:
            await self._forms.insert(form)
        except DuplicateKeyError:
            raise FormExists from None

    async def get(self, form_id: ObjectId) -> Document | None:
        """Read a form."""
        return await self._forms.find_one({"_id": form_id}, _FORM)

    async def accessible(self, form_id: ObjectId, access_token: str) -> Document | None:
        """Read a form that takes submissions under this token."""
        return await self._forms.find_one(
            {"_id": form_id, "accessToken": access_token, "status": FormStatus.active}, _FORM
        )

    async def page(self, limit: int, position: Position | None) -> tuple[list[Document], Position | None]:
        """Read a page, the newest first, and where the next one begins."""
        return await newest_first(self._forms, {}, _FORM, limit, position)

    async def of_platform(self, form_type: str) -> Document | None:
        """Read a platform's active form."""
        return await self._forms.find_one({"formType": form_type, "status": FormStatus.active}, _FORM)


class SubmissionRepository:
    """What visitors sent to one tenant."""

    def __init__(self, db: TenantDatabase) -> None:
        self._submissions = db[SUBMISSIONS]

    async def add(self, submission: Document) -> None:
        """Write a submission."""
        await self._submissions.insert(submission)

    async def of_lead(
        self, lead_id: ObjectId, limit: int, position: Position | None
    ) -> tuple[list[Document], Position | None]:
        """Read a page of what a lead's person sent, the newest first, and where the next one begins."""
        return await newest_first(
            self._submissions, {"leadId": lead_id}, _SUBMISSION, limit, position, by="at"
        )
