"""What the audit log contributes."""

from jazzaam.control.audit.endpoints import router
from jazzaam.control.audit.jobs import append_control, tell_heads
from jazzaam.control.audit.models import AUDIT_HEADS, AUDIT_LOGS
from jazzaam.control.audit.repository import remove_entries_to_come
from jazzaam.feature import Feature
from jazzaam.jobs.models import JOBS

FEATURE = Feature(
    "audit",
    router=router,
    system_collections=(AUDIT_LOGS, AUDIT_HEADS),
    removers={JOBS.name: remove_entries_to_come},
    jobs=(append_control, tell_heads),
)
