"""Types that everything sent to us is read with."""

import re
import unicodedata
from typing import Annotated, Any, Final, cast

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    field_validator,
)
from pydantic.alias_generators import to_camel

from jazzaam.identifiers import OBJECT_ID_PATTERN
from jazzaam.lines import on_one_line
from jazzaam.pagination import DEFAULT_LIMIT, MAXIMUM_LIMIT

_LONGEST_CODE: Final = 100
_BETWEEN_DIGITS: Final = ("Zs", "Pd", "Cf", "Cc")
"""Categories of what people and programs put between digits: blanks, dashes, marks nobody sees."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def _as_code(value: object) -> object:
    """Read a code however it is typed: blanks, dashes and the digits of other scripts mean the same."""
    if not isinstance(value, str) or len(value) > _LONGEST_CODE:
        return value
    kept = (letter for letter in value if unicodedata.category(letter) not in _BETWEEN_DIGITS)
    digits = ((letter, unicodedata.decimal(letter, None)) for letter in kept)
    return "".join(letter if digit is None else str(digit) for letter, digit in digits)


SixDigits = Annotated[
    str,
    BeforeValidator(_as_code),
    StringConstraints(pattern=r"^[0-9]{6}$"),
    WithJsonSchema({"type": "string", "description": "Six digits; blanks and dashes do not count."}),
]
SecondFactorCode = Annotated[
    str,
    BeforeValidator(_as_code),
    StringConstraints(pattern=r"^[0-9A-Za-z]{6,24}$"),
    WithJsonSchema(
        {
            "type": "string",
            "description": "Six digits of the authenticator, or a recovery code.",
        }
    ),
]


ON_ONE_LINE: Final = AfterValidator(on_one_line)
"""The last mark of a text without line breaks: what it is sent with becomes a blank."""
Line = Annotated[str, Field(max_length=200), ON_ONE_LINE]


class Input(BaseModel):
    """A body or a query: camelCase names, unknown fields refused, texts trimmed and plain."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, str_strip_whitespace=True
    )

    @field_validator("*")
    @classmethod
    def _is_plain(cls, value: Any) -> object:
        """Refuse control characters; line breaks and tabs are text."""
        if any(_CONTROL.search(text) for text in _texts(value)):
            raise ValueError("has characters that are not text")
        return cast("object", value)


class PageQuery(Input):
    """What every list can be asked: how many, and where to go on."""

    limit: Annotated[int, Field(ge=1, le=MAXIMUM_LIMIT)] = DEFAULT_LIMIT
    after: Annotated[
        str | None,
        Field(max_length=8000, pattern=r"^[A-Za-z0-9_-]*$", description="`next` of the last page."),
    ] = None


class Output(BaseModel):
    """An answer: camelCase names; built by us, under either name."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, frozen=True)


def _texts(value: Any) -> list[str]:
    """List the texts of a value, of a list's items, or of a mapping's."""
    if isinstance(value, dict):
        some = list(cast("dict[str, object]", value).values())
    else:
        some = cast("list[object]", value) if isinstance(value, list) else [cast("object", value)]
    return [one for one in some if isinstance(one, str)]


IdInPath = Annotated[str, Path(pattern=OBJECT_ID_PATTERN, description="24 lower-case hex digits.")]
