"""The conversation: the whole product for most people."""

from __future__ import annotations

import reflex as rx

from aidoctor import __version__
from aidoctor.ui.components import Composer, Naming, Printer, Thread, Welcome, take_away
from aidoctor.ui.frame import frame, icon, menu_button, more_button
from aidoctor.ui.state.conversation import Chat
from aidoctor.ui.state.engine import CardView, Engine
from aidoctor.ui.state.history import History


def conversation_page() -> rx.Component:
    """The header, what was said, the box to write in, and which model answers."""
    return frame(
        _header(),
        rx.cond(Chat.missing, _gone(), _said()),
        rx.cond(~Chat.missing, _desk()),
        rx.el.p(
            f"Printed from AI Doctor {__version__}. The answers were written by a language model, "
            "named below each. Not a diagnosis.",
            class_name="only-print column small-print",
        ),
        Printer.create(active=Chat.printing, on_printed=Chat.printed),
    )


def _header() -> rx.Component:
    return rx.el.header(
        menu_button(),
        rx.cond(
            Chat.naming,
            Naming.create(
                title=Chat.title,
                label="Title of this conversation",
                on_done=lambda title: Chat.rename(Chat.conversation_id, title),
            ),
            rx.el.h1(rx.cond(Chat.title == "", "AI Doctor", Chat.title)),
        ),
        rx.cond(Chat.conversation_id == "", _temporary(), _about_this()),
        class_name="page-head",
    )


def _temporary() -> rx.Component:
    return rx.cond(
        ~Chat.missing,
        rx.el.label(
            rx.el.input(type="checkbox", checked=Chat.temporary, on_change=Chat.set_temporary),
            rx.el.span("Temporary", rx.el.span(": never stored", class_name="only-roomy")),
            class_name="temporary",
        ),
    )


def _about_this() -> rx.Component:
    return rx.fragment(
        rx.cond(Chat.temporary, rx.el.span("Temporary: never stored", class_name="mark")),
        rx.menu.root(
            rx.menu.trigger(more_button("More about this conversation")),
            rx.menu.content(
                rx.menu.item("Rename", on_select=Chat.name(True)),
                _pin(),
                rx.menu.separator(),
                rx.menu.item("Print", on_select=Chat.print_all),
                rx.menu.item("Export as Markdown", on_select=take_away(Chat.conversation_id, "md")),
                rx.menu.item("Export as JSON", on_select=take_away(Chat.conversation_id, "json")),
                rx.menu.separator(),
                rx.menu.item(
                    "Delete …",
                    color="red",
                    on_select=History.doubt(Chat.conversation_id, Chat.title),
                ),
            ),
        ),
    )


def _pin() -> rx.Component:
    pinned = History.pinned.contains(Chat.conversation_id)
    return rx.cond(
        ~Chat.temporary,
        rx.menu.item(
            rx.cond(pinned, "Unpin", "Pin"), on_select=History.pin(Chat.conversation_id, ~pinned)
        ),
    )


def _said() -> rx.Component:
    return rx.cond(
        (Chat.conversation_id == "") & (Chat.turns.length() == 0),
        rx.el.div(Welcome.create(place=Engine.on_place), class_name="empty"),
        Thread.create(
            conversation_id=Chat.conversation_id,
            turns=Chat.past + Chat.turns,
            has_earlier=Chat.has_earlier,
            on_regenerate=Chat.regenerate,
            on_edit=Chat.edit,
            on_branch=Chat.show_branch,
            on_continue=Chat.go_on,
            on_answered=lambda turn, _status: Chat.answered(turn),
            on_earlier=Chat.show_earlier,
        ),
    )


def _gone() -> rx.Component:
    return rx.el.section(
        rx.el.h2("This conversation is not here any more."),
        rx.el.p("It was deleted, or it was a temporary one and AI Doctor has been closed since."),
        rx.link("New conversation", href="/", class_name="quiet"),
        class_name="column gone",
    )


def _desk() -> rx.Component:
    """What stands below the conversation: what is wrong, the box, which model answers."""
    return rx.el.div(
        rx.cond(
            Chat.error_what != "",
            rx.el.div(
                _sentences(Chat.error_what, Chat.error_fix), role="alert", class_name="notice"
            ),
        ),
        rx.cond(
            ~Engine.ready,
            rx.el.div(
                _sentences(Engine.what, Engine.fix),
                rx.link("Open Set-up", href="/setup", class_name="quiet"),
                role="status",
                class_name="notice",
            ),
        ),
        Composer.create(
            conversation_id=Chat.conversation_id,
            temporary=Chat.temporary,
            answering=Chat.answering,
            accepted=Chat.accepted,
            sees=Engine.sees,
            engine_ready=Engine.ready,
            last_user=Chat.last_user,
            on_send=lambda turn, text, ids: Chat.send(Chat.conversation_id, turn, text, ids),
            on_stop=Chat.stop,
        ),
        _status(),
        class_name="desk",
    )


def _sentences(what: rx.Var[str], fix: rx.Var[str]) -> rx.Component:
    return rx.el.p(rx.el.strong(what), " ", fix)


def _status() -> rx.Component:
    return rx.el.footer(
        rx.cond(
            Engine.remote,
            rx.el.p(
                icon("M10 3.5l7 12.5H3zM10 8.5v3.5M10 14.2h.01", size=16),
                rx.el.strong(
                    f"What you write is sent to {Engine.place}, not kept on this computer."
                ),
                class_name="away",
            ),
        ),
        rx.foreach(Engine.warnings, lambda warning: rx.el.p(warning, class_name="warned")),
        rx.el.p(
            _model(),
            rx.cond(Engine.place != "", rx.el.span(Engine.place)),
            rx.cond(
                Chat.context_used > 0,
                rx.el.span(f"about {Chat.context_used} % of the context used"),
            ),
            class_name="facts",
        ),
        rx.el.p("Not a diagnosis. In an emergency call your local number."),
        class_name="status column",
    )


def _model() -> rx.Component:
    return rx.cond(
        Engine.cards.length() > 0,
        rx.menu.root(
            rx.menu.trigger(
                rx.el.button(
                    rx.cond(Engine.model == "", "Choose a model", Engine.model),
                    type="button",
                    class_name="plain-link",
                    custom_attrs={"aria-label": f"Model: {Engine.model}. Choose another"},
                )
            ),
            rx.menu.content(
                rx.el.p(
                    rx.cond(
                        Engine.fixed_by == "",
                        "Answers from the next message on",
                        f"Set by {Engine.fixed_by} in the environment",
                    ),
                    class_name="small-print menu-note",
                ),
                rx.foreach(Engine.cards, _card),
                max_width="calc(100vw - 2rem)",
            ),
        ),
        rx.cond(
            Engine.model != "",
            rx.el.span(Engine.model),
            rx.el.span(rx.cond(Engine.ready, "Looking for the model …", "No model")),
        ),
    )


def _card(card: rx.vars.ObjectVar[CardView]) -> rx.Component:
    return rx.menu.item(
        rx.el.span(
            rx.el.span(card.name, class_name="card-name"),
            rx.el.span(card.detail, class_name="small-print"),
            class_name="card",
        ),
        rx.cond(
            card.name == Engine.model,
            rx.fragment(
                icon("M4 10.5l4 4 8-9", size=16), rx.el.span("in use", class_name="unseen")
            ),
        ),
        disabled=Engine.fixed_by != "",
        on_select=Engine.choose(card.name),
        class_name="card-item",
    )
