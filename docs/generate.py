"""Writes the pages of `docs/reference` from the code; `make docs` runs it, and a test compares."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from jazzaam import cli as cli_package
from jazzaam import errors
from jazzaam.cli import cli
from jazzaam.composition import compose
from jazzaam.config import PREFIX, Settings
from jazzaam.control.billing.plans import LIMITS, Plan, limits_of
from jazzaam.control.dependencies import API_KEY
from jazzaam.control.memberships.access import FIELD, Access
from jazzaam.control.memberships.permissions import KEY_SCOPES, PERMISSIONS, Permission, Role
from jazzaam.crm.workspace import Workspace
from jazzaam.errors import JazzaamError
from jazzaam.features import SYSTEM_COLLECTIONS, TENANT_COLLECTIONS, registry
from jazzaam.jobs.registry import Job
from jazzaam.jobs.schedule import Beat
from jazzaam.main import create_app
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.users import CLUSTER_USERS
from jazzaam.web.problems import GENERAL

FOLDER = Path(__file__).parent / "reference"
SCRIPT = Path(__file__).parents[1] / "deploy" / "users.js"
NOTE = "<!-- Written by docs/generate.py; do not edit. -->\n\n"


def pages() -> dict[str, str]:
    """Give every generated page by its file's name."""
    return {
        "settings.md": settings(),
        "routes.md": routes(),
        "problems.md": problems(),
        "collections.md": collections(),
        "permissions.md": permissions(),
        "plans.md": plans(),
        "mongodb-users.md": mongodb_users(),
        "commands.md": commands(),
        "jobs.md": jobs(),
    }


def jobs() -> str:
    """Document every job."""
    text = (
        "# Jobs\n\nWhat happens later. *Where*: in a company's database, or in the shared one. *Tries*: "
        "how often one that fails is run. An *atomic* one has its effect exactly once. "
        "[How it works](../explanation/jobs.md).\n\n"
        "| job | where | when | atomic | tries | kept | what |\n"
        "| --- | --- | --- | --- | --- | --- | --- |\n"
    )
    return text + "".join(_job(one) for one in sorted(registry().jobs, key=lambda one: one.name))


def _job(one: Job) -> str:
    where = "company" if one.context is Workspace else "shared"
    when = f"after `{one.answers.__name__}`"
    if one.cron is not None:
        spread = f", spread over {one.cron.spread}" if one.cron.spread else ""
        clocks = {Beat.company: "the company's clocks", Beat.fleet: "UTC", Beat.control: "UTC"}[
            one.cron.beat
        ]
        when = f"`{one.cron.expression}`, {clocks}{spread}"
    what = (one.run.__doc__ or "").strip().split("\n\n")[0].replace("\n    ", " ")
    keep = f"{one.keep.days} days" if one.keep.days else f"{one.keep.seconds // 3600} h"
    atomic = "yes" if one.atomic else "no"
    return f"| `{one.name}` | {where} | {when} | {atomic} | {one.retry.attempts} | {keep} | {what} |\n"


def commands() -> str:
    """Document every command of the command line."""
    text = (
        "# Commands\n\nThe settings come from the environment, as for the server. Exit status: 0 done, "
        "1 some of it failed or differs, 2 what was asked for cannot be done, and one line says why.\n"
    )
    return text + "".join(_command(["jazzaam"], typer.main.get_command(cli)))


def _command(path: list[str], command: Any) -> Iterator[str]:
    for name, child in getattr(command, "commands", {}).items():
        yield from _command([*path, name], child)
    if hasattr(command, "commands"):
        return
    arguments = [
        one.metavar or one.name.upper() for one in command.params if one.param_type_name == "argument"
    ]
    yield f"\n## `{' '.join([*path, *arguments])}`\n\n{command.help}\n"
    options = [one for one in command.params if one.param_type_name == "option"]
    if options:
        yield "\n| option | default | meaning |\n| --- | --- | --- |\n"
    for one in options:
        names = ", ".join(f"`{name}`" for name in (*one.opts, *one.secondary_opts))
        default = one.default if one.default not in (None, "", False) else ""
        meaning = f"{one.help} (`{one.metavar}`)" if one.metavar else one.help
        yield f"| {names} | {default} | {meaning} |\n"


def settings() -> str:
    """Document every setting."""
    rows = ["| variable | default | meaning |", "| --- | --- | --- |"]
    for name, field in Settings.model_fields.items():
        default = field.get_default(call_default_factory=True)
        shown = "none" if default in (None, "", (), {}) else f"`{getattr(default, 'value', default)}`"
        rows.append(f"| `{PREFIX}{name.upper()}` | {shown} | {field.description} |")
    text = "Read once at start from the environment, and from `.env` in the working directory.\n\n"
    return "# Settings\n\n" + text + "\n".join(rows) + "\n"


def routes() -> str:
    """Document every route, from the OpenAPI document."""
    application = compose(
        Settings(_env_file=None, mongodb_uri="mongodb://localhost/", secret_key="d" * 32)  # type: ignore[call-arg]
    )
    document: dict[str, Any] = create_app(application).openapi()
    rows = ["| route | needs | by key | again | what | answers |", "| --- | --- | --- | --- | --- | --- |"]
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            good = [status for status in operation["responses"] if int(status) < 400]
            own = [
                status
                for status in operation["responses"]
                if int(status) >= 400 and int(status) not in (400, 422, 500, 503, 413, 415)
            ]
            answers = ", ".join(sorted(good)) + (f"; {', '.join(sorted(own))}" if own else "")
            needed = operation.get(FIELD, Access.nothing)
            by_key = "yes" if {API_KEY.scheme_name: []} in operation.get("security", []) else ""
            taken = {parameter["name"].lower() for parameter in operation.get("parameters", [])}
            again = "yes" if "idempotency-key" in taken else ""
            route = f"`{method.upper()} {path}`"
            rows.append(f"| {route} | {needed} | {by_key} | {again} | {operation['summary']} | {answers} |")
    text = (
        "Every route can also answer 400, 422, 500 and 503, and with a body 413 and 415, as "
        "[problems](problems.md). *Needs* is a [permission](permissions.md) in the company, or what the "
        "caller has to be or hold; *by key*: an API key with that permission may call it too; *again*: "
        "it takes an Idempotency-Key. The whole contract is `GET /api/v1/openapi.json`; `/docs` shows "
        "it.\n\n"
    )
    return "# Routes\n\n" + text + "\n".join(rows) + "\n"


def plans() -> str:
    """Document what each plan allows."""
    rows = [f"| limit | {' | '.join(Plan)} |", "| --- |" + " ---: |" * len(Plan)]
    allowed = [limits_of(plan) for plan in Plan]
    for name, spec in LIMITS.items():
        shown = (_amount(one[name], spec.what) for one in allowed)
        rows.append(f"| `{name}`: {spec.what} | {' | '.join(shown)} |")
    text = (
        "What a company may have, do at once, or do in a time; each process counts requests for itself. "
        "[What happens at a limit](../explanation/limits.md).\n\n"
    )
    return "# Plans\n\n" + text + "\n".join(rows) + "\n"


def _amount(allowed: int | None, unit: str) -> str:
    if allowed is None:
        return "no limit"
    return f"{allowed / 10**9:g} GB" if unit == "bytes" else f"{allowed:,}"


def problems() -> str:
    """Document every error a caller can meet."""
    rows = ["| problem | status | meaning |", "| --- | --- | --- |"]
    known = {(name, status, detail) for status, (name, detail) in GENERAL.items()}
    for error in _subclasses(JazzaamError):
        for_operators = error.__module__.startswith(f"{cli_package.__name__}.")
        if not issubclass(error, errors.ConfigurationError) and not for_operators:
            known.add((error.__name__, error.status, (error.__doc__ or "").strip().splitlines()[0]))
    rows += [f"| `{name}` | {status} | {detail} |" for name, status, detail in sorted(known)]
    text = "`application/problem+json` (RFC 9457); `type` is `/problems/` and the name.\n\n"
    return "# Problems\n\n" + text + "\n".join(rows) + "\n"


def collections() -> str:
    """Document every collection and what each of its indexes is for."""
    text = "# Collections\n\n## Of a company\n\n" + _specs(TENANT_COLLECTIONS)
    return text + "\n## Shared\n\n" + _specs(SYSTEM_COLLECTIONS)


def _specs(specs: tuple[CollectionSpec, ...]) -> str:
    rows = ["| collection | index | for |", "| --- | --- | --- |"]
    for spec in sorted(specs, key=lambda spec: spec.name):
        notes = [
            *(["made at first use"] if spec.at_first_use else []),
            *(["in no capsule"] if spec.derived else []),
        ]
        rows.append(f"| `{spec.name}` | `_id_` | {', '.join(notes)} |")
        for index in spec.indexes:
            kind = "unique, " if index.unique else ""
            rows.append(f"| | `{json.dumps(dict(index.keys))}` | {kind}{index.purpose} |")
    return "\n".join(rows) + "\n"


def permissions() -> str:
    """Document who may do what."""
    head = "| permission | " + " | ".join(Role) + " | API key |"
    rows = [head, "| --- |" + " --- |" * (len(Role) + 1)]
    for permission in Permission:
        if permission is not Permission.forms_submit:
            marks = ("x" if permission in PERMISSIONS[role] else "" for role in Role)
            key = "x" if permission in KEY_SCOPES else ""
            rows.append(f"| `{permission}` | " + " | ".join(marks) + f" | {key} |")
    text = (
        "What each role may do in its company. *API key*: what a key can be given at most; it never does "
        "more than who made it may do now.\n\n"
    )
    return "# Permissions\n\n" + text + "\n".join(rows) + "\n"


def mongodb_users() -> str:
    """Document the roles of a cluster's users, as mongosh takes them."""
    text = (
        "# MongoDB users\n\nThe embedded MongoDB makes these itself. In a deployment of your own, make "
        "each role and its user in `admin`, and give their connection strings in `JAZZAAM_MONGODB_URI` "
        "(*app*), `JAZZAAM_MONGODB_OPERATOR_URI`, `…_CARETAKER_URI`, `…_RELAY_URI`, `…_WATCHER_URI` and "
        "`…_AUDITOR_URI`. The web process needs *app* alone, the worker everything but *operator*, and the "
        "command line everything. *operator* also makes the user of each dedicated company, with a role "
        "`<system database>.t_<tenantId>` that reads the company's database and writes its declared "
        "collections.\n\n```js\n"
    )
    for user in CLUSTER_USERS:
        privileges = [
            {"resource": dict(privilege["resource"]), "actions": list(privilege["actions"])}
            for privilege in user.privileges
        ]
        role = {"createRole": user.name, "privileges": privileges, "roles": []}
        text += f'db.getSiblingDB("admin").runCommand({json.dumps(role, indent=2)})\n'
        text += (
            f'db.getSiblingDB("admin").createUser('
            f'{{user: "{user.name}", pwd: passwordPrompt(), roles: ["{user.name}"]}})\n\n'
        )
    return text + "```\n"


def users_script() -> str:
    """Write what makes a replica set's users, for mongosh: passwords come from its environment."""
    roles = [
        {
            "name": user.name,
            "password": f"{user.name.upper()}_PASSWORD",
            "privileges": [
                {"resource": dict(privilege["resource"]), "actions": list(privilege["actions"])}
                for privilege in user.privileges
            ],
        }
        for user in CLUSTER_USERS
    ]
    return f"""// Written by docs/generate.py from the code: change that, and run `make docs`.
// Begins the replica set and makes Jazzaam's users, or brings them up to date. Safe to repeat.
// mongosh --username root … deploy/users.js, with a password for each user in the environment.
const users = {json.dumps(roles, indent=2)};

try {{
  if (db.hello().msg !== "isdbgrid") rs.status(); // a mongos has no replica set of its own
}} catch (notYet) {{
  rs.initiate({{ _id: "jazzaam", members: [{{ _id: 0, host: process.env.MONGO_HOST || "mongo:27017" }}] }});
}}
while (!db.hello().isWritablePrimary) sleep(200);

const admin = db.getSiblingDB("admin");
for (const user of users) {{
  const password = process.env[user.password];
  if (!password) throw new Error(`${{user.password}} is not set`);
  const role = {{ privileges: user.privileges, roles: [] }};
  if (admin.getRole(user.name)) admin.updateRole(user.name, role);
  else admin.createRole({{ role: user.name, ...role }});
  const known = {{ pwd: password, roles: [user.name] }};
  if (admin.getUser(user.name)) admin.updateUser(user.name, known);
  else admin.createUser({{ user: user.name, ...known }});
}}
"""


def _subclasses(kind: type[JazzaamError]) -> Iterator[type[JazzaamError]]:
    for error in kind.__subclasses__():
        yield error
        yield from _subclasses(error)


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    for name, page in pages().items():
        (FOLDER / name).write_text(NOTE + page)
    SCRIPT.write_text(users_script())
