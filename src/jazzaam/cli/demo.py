"""`jazzaam demo`: two companies with plausible leads, the same ones every time."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from bson import ObjectId

from jazzaam.composition import Application, compose, prepare
from jazzaam.config import Settings
from jazzaam.control.accounts.models import AccountType
from jazzaam.control.accounts.repository import AccountRepository
from jazzaam.control.accounts.service import establish
from jazzaam.control.plane import ControlPlane
from jazzaam.control.registrations.models import Registration
from jazzaam.crm.dependencies import workspace_for_operator
from jazzaam.crm.forms import service as forms
from jazzaam.crm.forms.models import FormType
from jazzaam.crm.forms.schemas import FormCreate
from jazzaam.crm.leads import service as leads
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import ConfigurationError
from jazzaam.tenancy.database import Document
from jazzaam.tenancy.users import OPERATOR

SEED: Final = 20_261_124
LEADS_EACH: Final = 200
PASSWORD: Final = "jazzaam-demo-login"  # noqa: S105 - a demo's, refused in production
_BATCH: Final = 50


@dataclass(frozen=True, slots=True)
class DemoCompany:
    """A company that nobody owns."""

    name: str
    email: str


COMPANIES: Final = (
    DemoCompany("Acme Robotics", "ada@acme.example"),
    DemoCompany("Globex Energy", "grace@globex.example"),
)
_FIRST: Final = [
    "Amira",
    "Björn",
    "Chloé",
    "Diego",
    "Elif",
    "Farid",
    "Grace",
    "Hana",
    "Ivan",
    "Jamal",
    "Kofi",
    "Lena",
    "Maya",
    "Noor",
    "Omar",
    "Priya",
]
_LAST: Final = [
    "Adler",
    "Bianchi",
    "Costa",
    "Dubois",
    "Eriksen",
    "Farouk",
    "García",
    "Haddad",
    "Ito",
    "Jansen",
    "Khan",
    "Lindqvist",
]
_WORK: Final = ("Northwind Logistics", "Blue Harbor Foods", "Sunstone Health", "Meridian Bank",
                "Atlas Textiles", "Quantum Print", "Redwood Hotels", "Vela Software")  # fmt: skip
_TITLES: Final = ("Head of Operations", "Chief Technology Officer", "Purchasing Manager",
                  "Marketing Director", "Data Analyst", "Managing Director", "Sales Lead")  # fmt: skip
_INDUSTRIES: Final = (
    "Logistics",
    "Food",
    "Health",
    "Finance",
    "Textiles",
    "Print",
    "Travel",
    "Software",
)
_CITIES: Final = (("Riyadh", "Saudi Arabia"), ("Lisbon", "Portugal"), ("Berlin", "Germany"),
                  ("Nairobi", "Kenya"), ("Toronto", "Canada"), ("Osaka", "Japan"))  # fmt: skip
_SIZES: Final = ("1-10", "11-50", "51-200", "201-500", "500+")
_PLATFORMS: Final = ("linkedin", "meta", "twitter", "instagram")
_STATUSES: Final = ("new", "new", "new", "warm", "hot", "cold", "qualified", "win", "lost")
_NOTES: Final = (
    "Asked for a price list after the webinar.", "Has a budget for the second quarter.",
    "Compares us with two others; wants references from the same industry.",
    "Met at the trade fair, remembers the live demonstration well.",
    "Decides together with the finance department.", "Wants a call next month.",
)  # fmt: skip


async def make_demo(settings: Settings) -> list[str]:
    """Make what is missing of the demo; gives the lines that say where to look.

    Raises `ConfigurationError` in production: the demo's password is public.
    """
    if settings.production:
        raise ConfigurationError("The demo is not for production: its password is public.")
    application = compose(settings, user=OPERATOR)
    try:
        await prepare(application)
        lines = [
            "",
            f"  Jazzaam is running at     {settings.public_url}",
            f"  API documentation         {settings.public_url}/docs",
        ]
        for company in COMPANIES:
            workspace = await _company(application, company)
            lines.append(f"  {company.name}")
            lines += [
                f"    {form['name']:<23} {forms.embed_url(workspace, form)}"
                for form in await _forms(workspace)
            ]
            lines.append(f"    login                   {company.email}  {PASSWORD}")
        return [*lines, ""]
    finally:
        await application.deployment.close()


async def company_id(application: Application, company: DemoCompany) -> str | None:
    """Find a demo company, which shares its id with its first account."""
    plane = ControlPlane(application.deployment.system(), application.control)
    account = await AccountRepository(plane.db).by_email(company.email)
    return str(account.id) if account else None


async def _company(application: Application, company: DemoCompany) -> Workspace:
    """Open a demo company's workspace; its process ends soon, and gives the handle back then."""
    tenant_id = await company_id(application, company) or await _establish(application, company)
    db = await application.deployment.tenancy.open(tenant_id)
    workspace = workspace_for_operator(db, application.workspaces)
    await _fill(workspace, company)
    return workspace


async def _establish(application: Application, company: DemoCompany) -> str:
    plane = ControlPlane(application.deployment.system(), application.control)
    registration = Registration(
        email=company.email,
        account_id=ObjectId(),
        account_type=AccountType.company,
        company_name=company.name,
        password_hash=await application.control.passwords.hash(PASSWORD),
        salt=b"",
        number=0,
        code_ends_at=application.control.clock.now(),
        decoy=False,
    )
    account_id, _ = await establish(plane, registration)
    return str(account_id)


async def _fill(workspace: Workspace, company: DemoCompany) -> None:
    """Write the leads in batches; a batch that is there already is not written again."""
    made = demo_leads(company, workspace)
    for start in range(0, len(made), _BATCH):
        batch = made[start : start + _BATCH]
        if await leads.find_profile(workspace, batch[0]["platform"], batch[0]["platformUrl"]):
            continue

        async def work(batch: Sequence[Document] = batch) -> None:
            await leads.record_new_leads(workspace, list(batch))

        await workspace.change(work)


def demo_leads(company: DemoCompany, workspace: Workspace) -> list[Document]:
    """Make a company's leads, about 1.3 kB of JSON each, the same at every call but for their dates."""
    chance = random.Random(f"{SEED}{company.email}")  # noqa: S311 - plausible, not secret
    now = workspace.clock.now()
    return [_lead(chance, number, now - timedelta(hours=3 * number)) for number in range(LEADS_EACH)]


def _lead(chance: random.Random, number: int, at: datetime) -> Document:
    first, last, work = chance.choice(_FIRST), chance.choice(_LAST), chance.randrange(len(_WORK))
    city, country = chance.choice(_CITIES)
    platform, slug = chance.choice(_PLATFORMS), f"{first}.{last}.{number}".lower()
    site = _WORK[work].lower().replace(" ", "-") + ".example"
    score, status = chance.randrange(20, 96), chance.choice(_STATUSES)
    address = f"https://www.{platform}.example/{slug}"
    known = {
        "platform": platform,
        "platformUrl": address,
        "profileUrl": address,
        "profilePic": f"https://pictures.example/{slug}.jpg",
        "firstName": first,
        "lastName": last,
        "fullName": f"{first} {last}",
        "email": f"{slug}@{site}".encode("ascii", "ignore").decode(),
        "phone": f"+1 555 {chance.randrange(1000, 9999)}",
        "company": _WORK[work],
        "companyIndustry": _INDUSTRIES[work],
        "companyWebsite": f"https://{site}",
        "companySize": chance.choice(_SIZES),
        "jobTitle": chance.choice(_TITLES),
        "department": "Management",
        "location": f"{city}, {country}",
        "city": city,
        "country": country,
        "source": platform,
        "sourceUrl": f"https://{site}/contact",
        "status": status,
        "leadScore": score,
        "notes": " ".join(chance.sample(_NOTES, 2)),
        "tags": [{"name": chance.choice(("fair", "webinar", "referral")), "color": "#0b5fff"}],
        "value": {"amountMinor": chance.randrange(50, 900) * 10_000, "currency": "USD"},
        "bant": {
            "budget": {"value": "$10k to $50k", "score": score // 4, "qualified": score > 60},
            "authority": {"isDecisionMaker": score > 50, "level": "medium", "score": score // 4},
            "need": {"value": ["Faster reporting"], "score": score // 4, "urgency": "medium"},
            "timeline": {"timeframe": "1-3 months", "score": score - 3 * (score // 4)},
            "totalScore": score,
            "category": "hot" if score >= 80 else "warm" if score >= 60 else "cold",
        },
    }
    return leads.new_lead(known, at)


async def _forms(workspace: Workspace) -> list[Document]:
    """Give the demo's forms, made at the first time."""
    found, _ = await forms.list_forms(workspace, 10, None)
    if found:
        return found
    contact = FormCreate.model_validate(
        {
            "name": "Contact form",
            "fields": [
                {"name": "fullName", "type": "text", "label": "Your name", "required": True},
                {
                    "name": "email",
                    "type": "email",
                    "label": "Your e-mail address",
                    "required": True,
                },
                {"name": "company", "type": "text", "label": "Your company"},
                {"name": "message", "type": "textarea", "label": "What can we do for you?"},
            ],
            "settings": {"title": "Talk to us"},
        }
    )
    return [
        await forms.create_platform_form(workspace, FormType.linkedin),
        await forms.create_form(workspace, contact),
    ]
