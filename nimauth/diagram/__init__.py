"""Drawings of a machine, from the machine itself: extract -> chart -> view -> picture -> renderer.

    from nimauth.diagram import Drawing

    print(f"{Drawing.of():mermaid view=overview}")

A chart is a machine with the words that people read (`model`, made by `extract`); a view chooses what of it becomes a
picture (`views`, `picture`); each format is one module in `render`. See docs/diagrams.md.
"""

from .drawing import FORMATS, Drawing, NoFormat
from .extract import Lexicon, Meaning, NoMachine, chart_of
from .views import NoView, views_of

__all__ = [
    "FORMATS",
    "Drawing",
    "Lexicon",
    "Meaning",
    "NoFormat",
    "NoMachine",
    "NoView",
    "chart_of",
    "views_of",
]
