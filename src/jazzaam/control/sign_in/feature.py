"""What signing in contributes."""

from jazzaam.control.sign_in.endpoints import router
from jazzaam.feature import Feature

FEATURE = Feature("sign-in", router=router)
"""Its rows are `accounts`' own: sessions."""
