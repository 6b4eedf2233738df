"""The job route."""

from bson import ObjectId
from fastapi import APIRouter, Response

from jazzaam.control.dependencies import SIGNED_IN
from jazzaam.control.memberships.access import needs
from jazzaam.control.memberships.permissions import Permission
from jazzaam.crm.dependencies import MEMBER_ERRORS, CurrentWorkspace
from jazzaam.crm.jobs import service
from jazzaam.crm.jobs.errors import JobNotFound
from jazzaam.crm.jobs.schemas import JobStatement
from jazzaam.web.input import IdInPath
from jazzaam.web.json import json_response, resource
from jazzaam.web.problems import documented

router = APIRouter(prefix="/jobs", tags=["jobs"], dependencies=SIGNED_IN)


@router.get(
    "/{jobId}",
    summary="See what a job has come to",
    openapi_extra=needs(Permission.company_read),
    response_model=JobStatement,
    responses=documented(*MEMBER_ERRORS, JobNotFound),
)
async def get_job(jobId: IdInPath, workspace: CurrentWorkspace) -> Response:  # noqa: N803 - named on the wire
    """Tell where a job of the company is: what a 202 began."""
    return json_response(resource(await service.get_job(workspace, ObjectId(jobId))))
