"""Set-up: each need as one line with a mark, or the one thing to do."""

from __future__ import annotations

from typing import Final

import reflex as rx

from aidoctor.setup import licence
from aidoctor.ui.components import Pulse
from aidoctor.ui.frame import frame, icon, menu_button
from aidoctor.ui.state.setup import CheckView, Setup

PATHS: Final = {
    "ok": "M4 10.5l4 4 8-9",
    "todo": "M4 10h11M11 5.5l4.5 4.5-4.5 4.5",
    "warning": "M10 4v7.5M10 15.5h.01",
    "failed": "M5 5l10 10M15 5L5 15",
}
"""A mark for each state; its word stands beside it."""


def setup_page() -> rx.Component:
    """What is there, what is missing, and the steps that fetch it."""
    return frame(
        rx.el.header(menu_button(), rx.el.h1("Set-up"), class_name="page-head"),
        rx.el.div(
            rx.el.article(
                rx.el.p(
                    "What AI Doctor needs on this machine. Each line is fine, or says the one "
                    "thing to do."
                ),
                rx.cond(
                    Setup.ready, _checks(), rx.el.p("Looking around …", class_name="small-print")
                ),
                rx.cond(Setup.ready & ~Setup.agreed, _terms()),
                _progress(),
                _engines(),
                class_name="column prose",
            ),
            class_name="scroll",
        ),
        Pulse.create(active=Setup.stage == "running", seconds=1, on_beat=Setup.refresh),
    )


def _checks() -> rx.Component:
    return rx.el.ul(rx.foreach(Setup.checks, _check), class_name="checks", role="list")


def _check(check: rx.vars.ObjectVar[CheckView]) -> rx.Component:
    return rx.el.li(
        rx.el.span(_mark(check.state), class_name="check-mark"),
        rx.el.div(
            rx.el.h2(check.title, rx.el.span(f": {check.mark}", class_name="unseen")),
            rx.el.p(check.sentence),
            rx.cond(check.fix != "", rx.el.p(check.fix, class_name="check-fix")),
            rx.cond(check.command != "", _command(check.command)),
            rx.cond(
                check.action == "accept-licence",
                rx.el.a("Read the terms", href="#terms", class_name="quiet"),
            ),
            rx.cond(check.label != "", _button(check)),
            class_name="check-body",
        ),
        class_name=f"check {check.state}",
        id=f"check-{check.id}",
    )


def _mark(state: rx.Var[str]) -> rx.Component:
    return rx.match(
        state, *[(name, icon(path)) for name, path in PATHS.items()], icon(PATHS["todo"])
    )


def _command(command: rx.Var[str]) -> rx.Component:
    return rx.el.div(
        rx.el.code(command),
        rx.el.button(
            "Copy",
            type="button",
            class_name="quiet",
            aria_label=f"Copy {command}",
            on_click=rx.set_clipboard(command),
        ),
        class_name="command",
    )


def _button(check: rx.vars.ObjectVar[CheckView]) -> rx.Component:
    """The step that a check offers; the terms come before what they are about."""
    closed = (check.action != "selftest") & ~Setup.agreed
    return rx.fragment(
        rx.el.button(
            check.label,
            type="button",
            class_name=rx.cond(check.state == "todo", "firm", "quiet"),
            disabled=(Setup.stage == "running") | closed,
            on_click=Setup.start(check.action),
        ),
        rx.cond(closed, rx.el.p("Accept the terms below first.", class_name="small-print")),
    )


def _progress() -> rx.Component:
    """The running step, or how the last one ended."""
    return rx.el.section(
        rx.el.div(
            rx.el.p(Setup.sentence, class_name="step"),
            rx.cond(Setup.fix != "", rx.el.p(Setup.fix, class_name="check-fix")),
            role="status",
        ),
        rx.cond(
            Setup.stage == "running",
            rx.fragment(
                rx.cond(
                    Setup.measured,
                    rx.el.progress(value=Setup.share, max=100, aria_label="Progress"),
                ),
                rx.el.p(
                    rx.el.span(Setup.amount),
                    rx.el.span(Setup.speed),
                    rx.el.span(Setup.left),
                    class_name="small-print figures",
                ),
                rx.el.button("Cancel", type="button", class_name="quiet", on_click=Setup.cancel),
            ),
            rx.cond(
                Setup.stage != "idle",
                rx.el.button("Close", type="button", class_name="quiet", on_click=Setup.dismiss),
            ),
        ),
        class_name=f"job {Setup.stage}",
        aria_label="The present step",
        hidden=Setup.stage == "idle",
    )


def _terms() -> rx.Component:
    return rx.el.section(
        rx.el.h2("The terms of MedGemma", id="terms-title"),
        rx.el.ul(*[rx.el.li(sentence) for sentence in licence.SUMMARY]),
        rx.el.p(
            "This is our summary; what binds is ",
            _outside("the text of the terms", licence.LINK),
            f" (version of {licence.VERSION}) and ",
            _outside("the prohibited use policy", licence.POLICY),
            ".",
        ),
        rx.el.button(
            "I have read and accept the terms",
            type="button",
            class_name="firm",
            on_click=Setup.accept,
        ),
        id="terms",
        class_name="terms",
        aria_labelledby="terms-title",
    )


def _outside(text: str, address: str) -> rx.Component:
    return rx.el.a(text, href=address, target="_blank", rel="noopener noreferrer nofollow")


def _engines() -> rx.Component:
    return rx.el.section(
        rx.el.h2("Which engine runs the model"),
        rx.el.p(
            "AI Doctor uses Ollama if it runs here and has the model, or can make it; else the "
            "engine that is built in, llama.cpp, with the model files that Set-up downloads. Both "
            "keep every word on this machine."
        ),
        rx.el.p(
            "A server of your own that speaks OpenAI's protocol works too: set engine and "
            "openai_base_url. A graphics card makes answers, and pictures above all, many times "
            "faster; on a plain processor one picture can take minutes."
        ),
    )
