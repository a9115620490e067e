"""PNG: the SVG in pixels, two for each of its points, in the fonts of this machine."""

from __future__ import annotations

from ..layout import MissingExtra
from ..picture import Picture
from ..themes import Theme
from . import svg

SCALE = 2.0


def render(picture: Picture, theme: Theme) -> bytes:
    """The picture as a PNG. Raises MissingExtra."""
    try:
        import resvg_py
    except ImportError as problem:
        raise MissingExtra(
            "a PNG is made by resvg, which is not here; get it with: pip install 'nimauth[diagrams]'"
        ) from problem
    return bytes(resvg_py.svg_to_bytes(svg_string=svg.render(picture, theme), zoom=SCALE))
