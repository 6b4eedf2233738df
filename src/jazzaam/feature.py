"""What a package contributes to the whole."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jazzaam.jobs.registry import Job
from jazzaam.tenancy.capsule import Portable
from jazzaam.tenancy.collections import CollectionSpec
from jazzaam.tenancy.erasure import Remover

if TYPE_CHECKING:
    from fastapi import APIRouter


@dataclass(frozen=True, slots=True)
class Feature:
    """A package's part in routes, collections and jobs; `jazzaam.features` lists them all.

    `strangers` are routes of the API that no credentials open, `pages` routes outside `/api/v1`, read by
    people; `larger_bodies` names paths that take more bytes than others. `system_collections` stand in the
    shared database, `collections` in every company's. `removers` say how a company's rows of a shared
    collection go with it, where deleting them would be wrong; `portable`, what travels in a capsule.
    """

    name: str
    router: "APIRouter | None" = None
    strangers: "APIRouter | None" = None
    pages: "APIRouter | None" = None
    collections: Sequence[CollectionSpec] = field(default_factory=tuple[CollectionSpec, ...])
    system_collections: Sequence[CollectionSpec] = field(default_factory=tuple[CollectionSpec, ...])
    portable: Sequence[Portable] = field(default_factory=tuple[Portable, ...])
    removers: Mapping[str, Remover] = field(default_factory=dict[str, Remover])
    larger_bodies: Mapping[str, int] = field(default_factory=dict[str, int])
    jobs: Sequence[Job] = field(default_factory=tuple[Job, ...])
