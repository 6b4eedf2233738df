"""What happens to a logo."""

from dataclasses import dataclass
from typing import ClassVar

from bson import ObjectId

from jazzaam.events import Event


@dataclass(frozen=True, slots=True)
class LogoReplaced(Event):
    """A file is the logo no more, or may never have become it."""

    kind: ClassVar[str] = "logo.replaced"
    file_id: ObjectId
