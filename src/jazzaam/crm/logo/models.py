"""The logo as it is kept: which file it is, in the company's settings."""

from typing import Final

LOGO: Final = "logo"
"""The name of the setting: {fileId, width, height, updatedAt}."""
MOST_BYTES: Final = 2_000_000
MEDIA_TYPES: Final = ("image/png", "image/jpeg", "image/webp")
MISNAMED: Final = ("image/jpg",)
"""Types that programs announce and nobody registered; what a picture is, its bytes say."""
