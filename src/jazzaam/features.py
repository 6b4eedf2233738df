"""THE list of features: routes, collections, jobs, docs and isolation tests all read it."""

from collections.abc import Mapping
from typing import Final

from jazzaam.control.accounts.feature import FEATURE as ACCOUNTS
from jazzaam.control.api_keys.feature import FEATURE as API_KEYS
from jazzaam.control.audit.feature import FEATURE as AUDIT
from jazzaam.control.billing.feature import FEATURE as BILLING
from jazzaam.control.catalogue.feature import FEATURE as CATALOGUE
from jazzaam.control.companies.feature import FEATURE as COMPANIES
from jazzaam.control.contact.feature import FEATURE as CONTACT
from jazzaam.control.crm_connections.feature import FEATURE as CRM_CONNECTIONS
from jazzaam.control.deletion.feature import FEATURE as DELETION
from jazzaam.control.identities.feature import FEATURE as IDENTITIES
from jazzaam.control.invitations.feature import FEATURE as INVITATIONS
from jazzaam.control.memberships.feature import FEATURE as MEMBERSHIPS
from jazzaam.control.passwords.feature import FEATURE as PASSWORDS
from jazzaam.control.preferences.feature import FEATURE as PREFERENCES
from jazzaam.control.requests import IDEMPOTENCY
from jazzaam.control.second_factor.feature import FEATURE as SECOND_FACTOR
from jazzaam.control.sign_in.feature import FEATURE as SIGN_IN
from jazzaam.control.support.feature import FEATURE as SUPPORT
from jazzaam.control.team.feature import FEATURE as TEAM
from jazzaam.control.tenants.feature import FEATURE as FLEET
from jazzaam.control.waitlist.feature import FEATURE as WAITLIST
from jazzaam.crm.audit.feature import FEATURE as COMPANY_AUDIT
from jazzaam.crm.dashboard.feature import FEATURE as DASHBOARD
from jazzaam.crm.deal_health.feature import FEATURE as DEAL_HEALTH
from jazzaam.crm.engagement.feature import FEATURE as ENGAGEMENT
from jazzaam.crm.exports.feature import FEATURE as EXPORTS
from jazzaam.crm.follow_ups.feature import FEATURE as FOLLOW_UPS
from jazzaam.crm.forms.feature import FEATURE as FORMS
from jazzaam.crm.jobs.feature import FEATURE as COMPANY_JOBS
from jazzaam.crm.leads.feature import FEATURE as LEADS
from jazzaam.crm.logo.feature import FEATURE as LOGO
from jazzaam.crm.next_best_actions.feature import FEATURE as NEXT_BEST_ACTIONS
from jazzaam.crm.notifications.feature import FEATURE as NOTIFICATIONS
from jazzaam.crm.onboarding.feature import FEATURE as ONBOARDING
from jazzaam.crm.records import RECORDS
from jazzaam.crm.trash.feature import FEATURE as TRASH
from jazzaam.crm.usage.feature import FEATURE as USAGE
from jazzaam.feature import Feature
from jazzaam.integrations.files import BUCKETS
from jazzaam.jobs.clocks import JOB_CLOCKS, RELAYS
from jazzaam.jobs.letters import DEAD_LETTERS
from jazzaam.jobs.models import JOBS
from jazzaam.jobs.registry import Registry
from jazzaam.migrations import MIGRATIONS
from jazzaam.tenancy.catalog import PUBLIC_KEYS, TENANTS
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.encryption_keys import ENCRYPTION_KEYS
from jazzaam.tenancy.erasure import ERASURES, Remover
from jazzaam.tenancy.fleet import FLEET_RUNS
from jazzaam.tenancy.freshness import HEARTBEATS
from jazzaam.tenancy.limits import USAGES
from jazzaam.tenancy.migration import RELEASES
from jazzaam.tenancy.schema import Shape

FEATURES: Final[tuple[Feature, ...]] = (
    ACCOUNTS,
    SIGN_IN,
    IDENTITIES,
    PASSWORDS,
    SECOND_FACTOR,
    COMPANIES,
    MEMBERSHIPS,
    TEAM,
    INVITATIONS,
    PREFERENCES,
    API_KEYS,
    BILLING,
    AUDIT,
    SUPPORT,
    DELETION,
    CATALOGUE,
    WAITLIST,
    CONTACT,
    CRM_CONNECTIONS,
    FLEET,
    TRASH,
    LEADS,
    NOTIFICATIONS,
    ENGAGEMENT,
    FORMS,
    FOLLOW_UPS,
    DEAL_HEALTH,
    NEXT_BEST_ACTIONS,
    EXPORTS,
    LOGO,
    ONBOARDING,
    DASHBOARD,
    USAGE,
    COMPANY_JOBS,
    COMPANY_AUDIT,
)

TENANT_COLLECTIONS: Final[tuple[CollectionSpec, ...]] = (
    *(spec for feature in FEATURES for spec in feature.collections),
    *RECORDS,
    *BUCKETS,
    JOBS,
)
"""What a company's database holds, from its birth or from their first use on."""

SYSTEM_COLLECTIONS: Final[tuple[CollectionSpec, ...]] = (
    *(spec for feature in FEATURES for spec in feature.system_collections),
    IDEMPOTENCY,
    TENANTS,
    PUBLIC_KEYS,
    HEARTBEATS,
    RELEASES,
    FLEET_RUNS,
    ERASURES,
    USAGES,
    ENCRYPTION_KEYS,
    JOBS,
    JOB_CLOCKS,
    RELAYS,
    DEAD_LETTERS,
)
"""What the shared database holds."""

SHAPE: Final = Shape(TENANT_COLLECTIONS, MIGRATIONS)
"""What every company's database is declared to be."""

PORTABLE: Final = tuple(one for feature in FEATURES for one in feature.portable)
"""Which rows of the shared database travel with their company."""

REMOVERS: Final[Mapping[str, Remover]] = {
    name: remover for feature in FEATURES for name, remover in feature.removers.items()
}
"""How rows of the shared database go with their company, where deleting them would be wrong."""

WATCHED_COLLECTIONS: Final[tuple[str, ...]] = (
    "tenants",
    "publickeys",
    "sessions",
    "memberships",
    "companies",
    "apikeys",
    "supportgrants",
)
"""What caches are made from."""

ON_LEADS: Final = tuple(spec for spec in TENANT_COLLECTIONS if spec.lead_key is not None)
"""Collections whose documents hang on a lead."""


def registry() -> Registry:
    """Give the jobs of all features."""
    return Registry(job for feature in FEATURES for job in feature.jobs)
