"""What exports contribute."""

from jazzaam.crm.exports.endpoints import router
from jazzaam.crm.exports.jobs import forget, write
from jazzaam.crm.exports.models import EXPORTS
from jazzaam.feature import Feature

FEATURE = Feature("exports", router=router, collections=(EXPORTS,), jobs=(write, forget))
