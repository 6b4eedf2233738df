"""Bodies of the account routes."""

from typing import Annotated, Literal, Self

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from jazzaam.control.accounts.models import AccountType
from jazzaam.control.accounts.opening import TokenPair
from jazzaam.web.input import ON_ONE_LINE, Input, Output, SixDigits


def _address(value: str) -> str:
    """Check an address by its form and write it our way; no network is asked. Raises `ValueError`."""
    try:
        parsed = validate_email(value, check_deliverability=False, test_environment=True)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return parsed.normalized.lower()


def normalised(value: str) -> str | None:
    """Write an address our way; None for what is none."""
    try:
        return _address(value)
    except ValueError:
        return None


Address = Annotated[
    str,
    StringConstraints(min_length=3, max_length=254),
    AfterValidator(_address),
    Field(json_schema_extra={"format": "email"}),
]
NewPassword = Annotated[
    str,
    StringConstraints(strip_whitespace=False, min_length=12, max_length=128),
    Field(description="12 to 128 characters, not among the common ones."),
]
PresentedPassword = Annotated[str, StringConstraints(strip_whitespace=False, max_length=1024)]
RegistrationToken = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text100 = Annotated[str, Field(max_length=100), ON_ONE_LINE]


class Register(Input):
    """Who registers."""

    email: Address
    password: NewPassword
    account_type: AccountType
    company_name: Annotated[Text100, Field(description="Needed for a company.")] = ""

    @model_validator(mode="after")
    def _company_has_a_name(self) -> Self:
        if self.account_type is AccountType.company and not self.company_name:
            raise ValueError("a company needs a companyName")
        return self


class Registered(Output):
    """Proof of having registered; shown once."""

    registration_token: str


class VerifyEmail(Input):
    """The code from the mail."""

    registration_token: RegistrationToken
    code: SixDigits


class ResendCode(Input):
    """Ask for a new code."""

    registration_token: RegistrationToken


class AccessTokenOut(Output):
    """A token to send with every request; `expiresIn` is in seconds."""

    access_token: str
    expires_in: int
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105 - the name of a scheme


class Tokens(AccessTokenOut):
    """A signed-in client's tokens."""

    refresh_token: str

    @classmethod
    def of(cls, pair: TokenPair) -> Self:
        """Say what a client is to hold."""
        return cls(
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_in=pair.expires_in,
        )


class CompanyRef(Output):
    """A company and its name."""

    id: str
    company_name: str


class MembershipOut(Output):
    """Where an account works, and as what."""

    company_id: str
    company_name: str
    role: str


class Me(Output):
    """Who is signed in, and where."""

    id: str
    email: str
    full_name: str
    account_type: str
    has_password: bool
    has_second_factor: bool
    platform_admin: bool
    company: CompanyRef | None
    memberships: list[MembershipOut]
    role: str | None
    permissions: list[str]


class MeChange(Input):
    """What an account says of itself."""

    full_name: Text100


class NewCompany(Input):
    """A company to start."""

    company_name: Annotated[str, Field(min_length=1, max_length=100), ON_ONE_LINE]
