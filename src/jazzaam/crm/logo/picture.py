"""From bytes that a stranger sent to a picture that we made: pure, and slow."""

from io import BytesIO
from typing import Final, NamedTuple

from PIL import Image

FORMATS: Final = ("PNG", "JPEG", "WEBP")
MOST_PIXELS: Final = 25_000_000
LONGEST_SIDE: Final = 512
"""In pixels; a larger picture is made smaller."""
_ORIENTATION: Final = 0x0112
_TURNS: Final = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""How a picture is to be turned, by its orientation (Exif 2.32, tag 274)."""


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
        return _drawn(sent)
    except Exception as error:  # noqa: BLE001 - what a decoder makes of a stranger's bytes
        raise NotAPicture(type(error).__name__) from None


def _drawn(sent: bytes) -> Picture:
    with Image.open(BytesIO(sent), formats=FORMATS) as opened:
        if opened.width * opened.height > MOST_PIXELS:
            raise NotAPicture("too many pixels")
        turn = _TURNS.get(opened.getexif().get(_ORIENTATION, 1))
        opened.draft("RGB", (LONGEST_SIDE * 2, LONGEST_SIDE * 2))
        plain = _in_eight_bits(opened)
    plain.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    if turn is not None:
        plain = plain.transpose(turn)
    bare = Image.new(plain.mode, plain.size)
    bare.paste(plain)
    out = BytesIO()
    bare.save(out, "PNG", optimize=True)
    return Picture(out.getvalue(), bare.width, bare.height)


def _in_eight_bits(opened: Image.Image) -> Image.Image:
    """Give a picture in colours of eight bits: the library cuts deeper greys off, we scale them."""
    if opened.mode.startswith("I"):
        deep = opened.convert("I")
        scaled = deep.point([level // 256 for level in range(65_536)], "L")  # pyright: ignore[reportUnknownMemberType]
        return scaled.convert("RGB")
    return opened.convert("RGBA" if opened.has_transparency_data else "RGB")
