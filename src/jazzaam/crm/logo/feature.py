"""What a logo contributes."""

from jazzaam.crm.logo.endpoints import pages, router
from jazzaam.crm.logo.jobs import remove_file
from jazzaam.crm.logo.models import MOST_BYTES
from jazzaam.feature import Feature

FEATURE = Feature(
    "logo",
    router=router,
    pages=pages,
    larger_bodies={"/company/logo": MOST_BYTES},
    jobs=(remove_file,),
)
