"""What the page says when it has lost the program, or fails itself.

It takes the place of Reflex's own words, which name sockets and link to its makers.
"""

from __future__ import annotations

import reflex as rx
from reflex.vars import Var
from reflex_components_core.base.error_boundary import ErrorBoundary
from reflex_components_core.core.banner import has_too_many_connection_errors

LOST = "AI Doctor does not answer."
LOST_FIX = "Start it again; this page goes on by itself. What you have written stays here."
BROKEN = "This page has failed."
BROKEN_FIX = "Reload it. What you have said is kept."


def speak_plainly(app: rx.App) -> None:
    """Let `app` say its failures in our words."""
    app.app_wraps[55, "ErrorBoundary"] = lambda _stateful: _boundary()
    app.app_wraps[5, "Overlay"] = lambda stateful: _lost() if stateful else None


def _lost() -> rx.Component:
    @rx.memo
    def lost_program() -> rx.Component:
        return rx.cond(
            has_too_many_connection_errors,
            rx.el.div(rx.el.strong(LOST), f" {LOST_FIX}", role="alert", class_name="lost"),
        )

    return rx.fragment(lost_program())


def _boundary() -> rx.Component:
    told = rx.el.div(
        rx.el.h1(BROKEN),
        rx.el.p(BROKEN_FIX),
        rx.el.a("Reload", href="", custom_attrs={"reloadDocument": True}),
        class_name="broken",
    )
    return ErrorBoundary.create(on_error=rx.noop(), fallback_render=Var.create(told))
