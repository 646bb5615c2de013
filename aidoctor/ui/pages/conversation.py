"""The conversation: the whole product for most people."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components import Composer, Thread, Welcome
from aidoctor.ui.frame import frame, icon, menu_button
from aidoctor.ui.state.conversation import Chat
from aidoctor.ui.state.engine import CardView, Engine
from aidoctor.ui.state.history import History


def conversation_page() -> rx.Component:
    """The header, what was said, the box to write in, and which model answers."""
    return frame(
        _header(),
        rx.cond(
            Chat.missing,
            _notice("This conversation is not here any more.", "Choose another from the history."),
            rx.cond(
                (Chat.conversation_id == "") & (Chat.turns.length() == 0),
                rx.el.div(Welcome.create(place=Engine.on_place), class_name="empty"),
                _thread(),
            ),
        ),
        rx.cond(Chat.error_what != "", _notice(Chat.error_what, Chat.error_fix)),
        rx.cond(~Engine.ready, _unready()),
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
    )


def _header() -> rx.Component:
    return rx.el.header(
        menu_button(),
        rx.el.h1(rx.cond(Chat.title == "", "AI Doctor", Chat.title)),
        rx.cond(
            Chat.conversation_id == "",
            rx.el.label(
                rx.el.input(type="checkbox", checked=Chat.temporary, on_change=Chat.set_temporary),
                "Temporary: never stored",
                class_name="temporary",
            ),
            rx.fragment(
                rx.cond(Chat.temporary, rx.el.span("Temporary", class_name="mark")),
                _menu(),
            ),
        ),
        class_name="page-head",
    )


def _menu() -> rx.Component:
    export = f"/api/conversations/{Chat.conversation_id}/export"
    return rx.fragment(
        rx.menu.root(
            rx.menu.trigger(
                rx.el.button(
                    icon("M5 10h.01M10 10h.01M15 10h.01"),
                    type="button",
                    class_name="icon-button",
                    aria_label="More about this conversation",
                )
            ),
            rx.menu.content(
                rx.menu.item("Rename …", on_select=Chat.name_it(True)),
                rx.menu.item("Print", on_select=rx.call_script("setTimeout(() => print(), 200)")),
                rx.menu.item(
                    rx.el.a("Export as Markdown", href=f"{export}.md", download=True), as_child=True
                ),
                rx.menu.item(
                    rx.el.a("Export as JSON", href=f"{export}.json", download=True), as_child=True
                ),
                rx.menu.item(
                    "Delete …",
                    color="red",
                    on_select=History.doubt(Chat.conversation_id, Chat.title),
                ),
            ),
        ),
        _naming(),
    )


def _naming() -> rx.Component:
    return rx.dialog.root(
        rx.dialog.content(
            rx.dialog.title("Rename this conversation"),
            rx.dialog.description("The title is shown in the history.", class_name="unseen"),
            rx.el.form(
                rx.el.input(
                    name="title",
                    default_value=Chat.title,
                    aria_label="Title",
                    max_length=120,
                    class_name="field",
                ),
                rx.el.div(
                    rx.dialog.close(rx.el.button("Cancel", type="button", class_name="quiet")),
                    rx.el.button("Rename", type="submit", class_name="firm"),
                    class_name="choices",
                ),
                on_submit=Chat.rename,
            ),
            max_width="26rem",
        ),
        open=Chat.naming,
        on_open_change=Chat.name_it,
    )


def _thread() -> rx.Component:
    return Thread.create(
        conversation_id=Chat.conversation_id,
        turns=Chat.past + Chat.turns,
        has_earlier=Chat.has_earlier,
        on_regenerate=Chat.regenerate,
        on_edit=Chat.edit,
        on_branch=Chat.show_branch,
        on_continue=Chat.go_on,
        on_answered=lambda turn, _status: Chat.answered(turn),
        on_earlier=Chat.show_earlier,
    )


def _notice(what: str | rx.Var[str], fix: str | rx.Var[str]) -> rx.Component:
    return rx.el.div(
        rx.el.p(rx.el.strong(what), " ", fix), role="alert", class_name="notice column"
    )


def _unready() -> rx.Component:
    return rx.el.div(
        rx.el.p(rx.el.strong(Engine.what), " ", Engine.fix),
        rx.link("Open Set-up", href="/setup", class_name="quiet"),
        role="status",
        class_name="notice column",
    )


def _status() -> rx.Component:
    return rx.el.footer(
        rx.cond(
            Engine.model != "",
            rx.menu.root(
                rx.menu.trigger(
                    rx.el.button(
                        Engine.model,
                        type="button",
                        class_name="plain-link",
                        custom_attrs={"aria-label": f"Model: {Engine.model}. Choose another"},
                    )
                ),
                rx.menu.content(rx.foreach(Engine.cards, _card)),
            ),
            rx.el.span("No model"),
        ),
        rx.cond(
            Engine.remote,
            rx.el.strong(f"Your words go to {Engine.place}"),
            rx.el.span(Engine.place),
        ),
        rx.cond(
            Chat.context_used > 0,
            rx.el.span(f"about {Chat.context_used} % of the context used"),
        ),
        rx.el.span("Not a diagnosis. In an emergency call your local emergency number."),
        class_name="status column",
    )


def _card(card: rx.vars.ObjectVar[CardView]) -> rx.Component:
    return rx.menu.item(
        rx.el.span(card.name),
        rx.el.span(card.detail, class_name="small-print"),
        on_select=Engine.choose(card.name),
    )
