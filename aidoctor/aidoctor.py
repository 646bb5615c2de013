"""The composition root: settings, engines and store become one page."""

from __future__ import annotations

import reflex as rx
from starlette.applications import Starlette

from aidoctor.web.guard import guarded


def index() -> rx.Component:
    """The only page."""
    return rx.container(rx.heading("AI Doctor"), rx.text("A private doctor that you own."))


app = rx.App(api_transformer=[Starlette(), guarded])
app.add_page(index, route="/", title="AI Doctor")
app.add_page(index, route="/c/[conversation]", title="AI Doctor")
