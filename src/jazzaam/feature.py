"""What a package contributes to the whole."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jazzaam.jobs.registry import Job
from jazzaam.tenancy.collections import CollectionSpec

if TYPE_CHECKING:
    from fastapi import APIRouter


@dataclass(frozen=True, slots=True)
class Feature:
    """A package's part in routes, collections and jobs; `jazzaam.features` lists them all.

    `pages` are routes outside `/api/v1`, read by people. `system_collections` stand in the shared
    database, `collections` in every company's.
    """

    name: str
    router: "APIRouter | None" = None
    pages: "APIRouter | None" = None
    collections: Sequence[CollectionSpec] = field(default_factory=tuple[CollectionSpec, ...])
    system_collections: Sequence[CollectionSpec] = field(default_factory=tuple[CollectionSpec, ...])
    jobs: Sequence[Job] = field(default_factory=tuple[Job, ...])
