"""From bytes that a stranger sent to a picture that we made: pure, and slow."""

import warnings
from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MOST_PIXELS: Final = 25_000_000
LONGEST_SIDE: Final = 512
"""In pixels; a larger picture is made smaller."""


class NotAPicture(ValueError):
    """These bytes are no picture of a format that is taken, or one of too many pixels."""


class Picture(NamedTuple):
    """A PNG that we wrote, and its size in pixels."""

    png: bytes
    width: int
    height: int


def drawn_anew(sent: bytes) -> Picture:
    """Draw a PNG, JPEG or WebP picture anew, at most 512 pixels wide and high.

    Nothing of what was sent is kept but its pixels: neither metadata, nor frames, nor what hides behind its
    end. Raises `NotAPicture`; its size is known before it is decoded.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return _drawn(sent)
    except (
        UnidentifiedImageError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
        OSError,
        SyntaxError,
        ValueError,
    ) as error:
        raise NotAPicture(type(error).__name__) from None


def _drawn(sent: bytes) -> Picture:
    with Image.open(BytesIO(sent), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise NotAPicture("too many pixels")
        opened.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
        upright = ImageOps.exif_transpose(opened)
        plain = upright.convert("RGBA" if upright.has_transparency_data else "RGB")
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    out = BytesIO()
    bare.save(out, "PNG", optimize=True)
    return Picture(out.getvalue(), bare.width, bare.height)
