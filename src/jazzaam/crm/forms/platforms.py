"""The four platforms: their forms, and how what people type becomes one profile: pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from jazzaam.crm.forms.models import FieldType, FormType
from jazzaam.crm.forms.schemas import FormField


@dataclass(frozen=True, slots=True)
class Platform:
    """A platform: the field that asks for a profile, and the grammar of its identifiers.

    `hosts` are where its profile pages live, subdomains included; `before` is the path segment in front
    of the identifier, if there is one; `canonical` is the page's one address.
    """

    name: str
    field_name: str
    label: str
    placeholder: str
    hosts: tuple[str, ...]
    before: str
    identifier: re.Pattern[str]
    canonical: str


PLATFORMS: Final[Mapping[FormType, Platform]] = {
    FormType.linkedin: Platform(
        name="LinkedIn",
        field_name="linkedinUrl",
        label="Your LinkedIn profile",
        placeholder="https://www.linkedin.com/in/your-name",
        hosts=("linkedin.com",),
        before="in",
        identifier=re.compile(r"[\w-]{3,100}"),
        canonical="https://www.linkedin.com/in/{}",
    ),
    FormType.meta: Platform(
        name="Facebook",
        field_name="facebookUsername",
        label="Your Facebook profile",
        placeholder="your.name",
        hosts=("facebook.com", "fb.com"),
        before="",
        identifier=re.compile(r"[A-Za-z0-9._]{3,50}"),
        canonical="https://www.facebook.com/{}",
    ),
    FormType.twitter: Platform(
        name="X",
        field_name="twitterUsername",
        label="Your name on X (Twitter)",
        placeholder="@yourname",
        hosts=("x.com", "twitter.com"),
        before="",
        identifier=re.compile(r"[A-Za-z0-9_]{1,15}"),
        canonical="https://x.com/{}",
    ),
    FormType.instagram: Platform(
        name="Instagram",
        field_name="instagramUsername",
        label="Your Instagram name",
        placeholder="@yourname",
        hosts=("instagram.com",),
        before="",
        identifier=re.compile(r"[A-Za-z0-9._]{1,30}"),
        canonical="https://www.instagram.com/{}",
    ),
}


def canonical_profile(platform: Platform, typed: str) -> str | None:
    """Give the one address of a profile, from a pasted address, an @name or a name.

    None when it is none of this platform. Letter case does not tell profiles apart on any of the four.
    """
    text = typed.strip()
    identifier = _from_address(platform, text) if _looks_like_address(platform, text) else text
    if identifier is None:
        return None
    identifier = unquote(identifier).removeprefix("@").lower()
    if platform.identifier.fullmatch(identifier) is None or not identifier.strip("._-"):
        return None
    return platform.canonical.format(identifier)


def template_fields(form_type: FormType) -> list[FormField]:
    """Give the questions of a platform's form: the profile, and who it is if they care to say."""
    platform = PLATFORMS[form_type]
    return [
        FormField(
            name=platform.field_name,
            type=FieldType.text,
            label=platform.label,
            placeholder=platform.placeholder,
            required=True,
        ),
        FormField(name="fullName", type=FieldType.text, label="Your name"),
        FormField(name="email", type=FieldType.email, label="Your e-mail address"),
    ]


def template_words(form_type: FormType) -> dict[str, Any]:
    """Give the words of a platform's page."""
    name = PLATFORMS[form_type].name
    return {
        "title": f"Connect with us through {name}",
        "submitButtonText": "Connect",
        "successMessage": "Thank you. We have your profile and will be in touch.",
        "redirectUrl": None,
    }


def _looks_like_address(platform: Platform, text: str) -> bool:
    return "/" in text or any(host in text.lower() for host in platform.hosts)


def _from_address(platform: Platform, text: str) -> str | None:
    """Take the identifier out of an address of this platform."""
    if text.lower().startswith(f"{platform.before}/") and platform.before:
        text = f"{platform.hosts[0]}/{text}"
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
    except ValueError:
        return None
    host = (parts.hostname or "").lower()
    if not any(host == known or host.endswith(f".{known}") for known in platform.hosts):
        return None
    path = [segment for segment in parts.path.split("/") if segment]
    if platform.before:
        path = path[1:] if path and path[0].lower() == platform.before else []
    return path[0] if path else None
