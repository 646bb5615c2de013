"""The answer to an address that leads nowhere."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.frame import plain_page


def lost_page() -> rx.Component:
    """Says so, and where to go."""
    return plain_page(
        "Not found",
        rx.el.p("There is nothing at this address."),
        rx.el.p(rx.link("New conversation", href="/", class_name="quiet")),
    )
