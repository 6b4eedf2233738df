"""How often something may be done: the part of the settings that keeps floods from costing others."""

from pydantic import Field
from pydantic_settings import BaseSettings


class Rates(BaseSettings):
    """Limits on what strangers, accounts and companies do, by whom and in what time."""

    connections: int = Field(
        2_000, ge=10, description="Connections that a web process holds open; one more is closed at once."
    )
    signups_per_email: int = Field(
        5, ge=1, description="Sign-ups, and new passwords, an hour for one e-mail address from one network."
    )
    signups_per_network: int = Field(
        20, ge=1, description="Sign-ups an hour for one IPv4 address or IPv6 /64 network."
    )
    signups_per_site: int = Field(
        100, ge=1, description="The same for an IPv6 /48 network, which a provider gives to one customer."
    )
    signups_total: int = Field(
        500,
        ge=1,
        description="Sign-ups an hour for the whole system: beyond it each waits SLOWED_SECONDS, and ten "
        "times as many are refused.",
    )
    slowed_seconds: float = Field(
        2.0, ge=0, le=30, description="What passes before a request is answered that is slowed down."
    )
    logins_per_email: int = Field(
        20,
        ge=1,
        description="Tries to sign in with one e-mail address that fail, per quarter of an hour, from each "
        "network where its account was signed in to before, and from all others together.",
    )
    mails_per_address_hour: int = Field(
        5, ge=1, description="Mails of ours that one address gets an hour, of all kinds and companies."
    )
    mails_per_address_day: int = Field(20, ge=1, description="The same a day.")
    logins_per_network: int = Field(200, ge=1, description="Logins per quarter of an hour for one network.")
    codes_per_account: int = Field(
        10, ge=1, description="Codes or passwords an account may enter per quarter of an hour."
    )
    switches_per_account: int = Field(
        100, ge=1, description="Times an account may switch companies per quarter of an hour."
    )
    companies_per_account: int = Field(5, ge=1, description="Companies an account may start a day.")
    invitations_per_company: int = Field(200, ge=1, description="Invitations a company may send a day.")
    messages_per_network: int = Field(
        20, ge=1, description="Messages and waiting-list entries an hour from one network."
    )
    messages_total: int = Field(500, ge=1, description="The same for the whole system.")
    submissions_per_network: int = Field(
        60,
        ge=1,
        description="Submissions of forms a minute from one IPv4 address or IPv6 /64 network; "
        "counted by each process for itself.",
    )
    submissions_per_site: int = Field(
        600, ge=1, description="The same for an IPv6 /48 network, which a provider gives to one customer."
    )
