"""What signing in with a provider contributes."""

from jazzaam.control.identities.endpoints import router
from jazzaam.control.identities.jobs import mail_linked
from jazzaam.control.identities.models import IDENTITIES
from jazzaam.control.identities.repository import remove_identities
from jazzaam.feature import Feature

FEATURE = Feature(
    "identities",
    router=router,
    system_collections=(IDENTITIES,),
    removers={IDENTITIES.name: remove_identities},
    jobs=(mail_linked,),
)
