"""`services` as the original stores it, and what a new installation begins with."""

from typing import Any, Final

from bson import ObjectId

from jazzaam.tenancy.collections import CollectionSpec

SERVICES: Final = CollectionSpec("services")

_FIRST: Final[dict[str, tuple[str, ...]]] = {
    "Web development": ("Websites", "Online shops", "Web applications", "Maintenance"),
    "Mobile development": ("iOS apps", "Android apps", "Cross-platform apps"),
    "Design": ("Branding", "User interfaces", "Graphic design", "Motion design"),
    "Digital marketing": ("Search advertising", "Social media", "E-mail marketing", "Content"),
    "Search engine optimisation": ("Audits", "On-page work", "Link building", "Local search"),
    "Consulting": ("Strategy", "Processes", "Technology", "Change management"),
    "Software and IT services": ("Custom software", "Integration", "Cloud", "Support"),
    "Data and artificial intelligence": ("Analytics", "Data platforms", "Machine learning"),
    "Cyber security": ("Penetration tests", "Compliance", "Monitoring"),
    "Sales and lead generation": ("Outbound", "Appointments", "Sales training"),
    "Accounting and finance": ("Bookkeeping", "Tax", "Payroll", "Advice"),
    "Training and coaching": ("Workshops", "Courses", "Executive coaching"),
}
FIRST_SERVICES: Final[tuple[dict[str, Any], ...]] = tuple(
    {"_id": ObjectId(f"{number:024x}"), "label": label, "sub_services": list(parts)}
    for number, (label, parts) in enumerate(_FIRST.items(), 1)
)
"""What an empty catalogue is filled with; their ids are fixed, so that processes agree."""
