"""The answer of the logo's routes."""

from jazzaam.web.input import Output


class Logo(Output):
    """Where the logo is, for anybody; another picture has another address. Sizes are in pixels."""

    url: str
    width: int
    height: int
