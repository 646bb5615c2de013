"""The empty page."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components.assets import SOURCES


class Welcome(rx.NoSSRComponent):
    """What it can and cannot do, and examples that fill the composer."""

    library = SOURCES["Welcome.jsx"]
    tag = "Welcome"

    place: rx.Var[str]
    """Where the model runs, as the end of a sentence: "on this computer"."""
