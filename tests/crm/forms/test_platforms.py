import pytest

from jazzaam.crm.forms.models import FormType
from jazzaam.crm.forms.platforms import PLATFORMS, canonical_profile

LINKEDIN = "https://www.linkedin.com/in/ada-lovelace"


@pytest.mark.parametrize(
    ("platform", "typed", "profile"),
    [
        ("linkedin", "https://www.linkedin.com/in/ada-lovelace", LINKEDIN),
        ("linkedin", "http://de.linkedin.com/in/Ada-Lovelace/?trk=x#y", LINKEDIN),
        ("linkedin", "linkedin.com/in/ada-lovelace/details/", LINKEDIN),
        ("linkedin", " in/ada-lovelace ", LINKEDIN),
        ("linkedin", "ada-lovelace", LINKEDIN),
        ("linkedin", "@ada-lovelace", LINKEDIN),
        ("linkedin", "https://linkedin.com/in/jos%C3%A9-p", "https://www.linkedin.com/in/josé-p"),
        ("linkedin", "https://www.linkedin.com/company/engines", None),
        ("linkedin", "https://evil.com/in/ada-lovelace", None),
        ("linkedin", "https://linkedin.com.evil.com/in/ada-lovelace", None),
        ("linkedin", "https://notlinkedin.com/in/ada-lovelace", None),
        ("linkedin", "javascript:alert(1)", None),
        ("linkedin", "https://[::1/in/x", None),
        ("linkedin", "", None),
        ("linkedin", "---", None),
        ("twitter", "@AdaL", "https://x.com/adal"),
        ("twitter", "https://twitter.com/AdaL/status/1", "https://x.com/adal"),
        ("twitter", "x.com/adal", "https://x.com/adal"),
        ("twitter", "a-name-with-dashes", None),
        ("twitter", "sixteen_letters_x", None),
        ("instagram", "instagram.com/Ada.L/", "https://www.instagram.com/ada.l"),
        ("instagram", "ada.l", "https://www.instagram.com/ada.l"),
        ("meta", "https://m.facebook.com/ada.lovelace", "https://www.facebook.com/ada.lovelace"),
        ("meta", "ada lovelace", None),
    ],
)
def test_what_people_type_becomes_one_profile(platform, typed, profile):
    assert canonical_profile(PLATFORMS[FormType(platform)], typed) == profile
