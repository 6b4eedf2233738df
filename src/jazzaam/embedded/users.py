"""The users of an embedded mongod: made at its first start, brought up to date at each later one."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from pymongo import AsyncMongoClient


class User(Protocol):
    """A user to be made, with a role of its own that holds the privileges."""

    @property
    def name(self) -> str:
        """Its name, and its role's."""
        ...

    @property
    def privileges(self) -> Sequence[Any]:
        """What the role may do, as `createRole` takes it."""
        ...


async def bring_users(
    client: AsyncMongoClient[dict[str, Any]], users: Sequence[User], secrets: Path
) -> None:
    """Make the users and roles that are not there, and change roles that differ from what is declared.

    A user's password is the text of `<secrets>/<name>.password`, and is not changed.
    """
    names = [user.name for user in users]
    roles = await client.admin.command("rolesInfo", names, showPrivileges=True)
    there = {role["role"]: role["privileges"] for role in roles["roles"]}
    known = {user["user"] for user in (await client.admin.command("usersInfo", names))["users"]}
    for user in users:
        wanted = [_plain(privilege) for privilege in user.privileges]
        if user.name not in there:
            await client.admin.command("createRole", user.name, privileges=wanted, roles=[])
        elif _comparable(there[user.name]) != _comparable(wanted):
            await client.admin.command("updateRole", user.name, privileges=wanted, roles=[])
        if user.name not in known:
            password = (secrets / f"{user.name}.password").read_text()
            await client.admin.command("createUser", user.name, pwd=password, roles=[user.name])


def _plain(privilege: Mapping[str, Any]) -> dict[str, Any]:
    return {"resource": dict(privilege["resource"]), "actions": list(privilege["actions"])}


def _comparable(privileges: Sequence[Mapping[str, Any]]) -> list[tuple[Any, list[str]]]:
    """Put privileges in an order of their own: the server keeps none."""
    return sorted(
        (sorted(privilege["resource"].items()), sorted(privilege["actions"])) for privilege in privileges
    )
