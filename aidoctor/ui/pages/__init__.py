"""The pages of the application."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components import Composer, Thread, Welcome
from aidoctor.ui.state.conversation import Chat
from aidoctor.ui.state.engine import Engine
from aidoctor.ui.state.history import History


def conversation_page() -> rx.Component:
    """The conversation and the box to write in."""
    return rx.el.main(
        rx.cond(
            Chat.conversation_id == "",
            Welcome.create(place="on this computer"),
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
        ),
        Composer.create(
            conversation_id=Chat.conversation_id,
            temporary=Chat.temporary,
            answering=Chat.answering,
            accepted=Chat.accepted,
            sees=Engine.sees,
            engine_ready=Engine.ready,
            on_send=lambda turn, text, ids: Chat.send(Chat.conversation_id, turn, text, ids),
            on_stop=Chat.stop,
        ),
        style={"height": "100dvh", "display": "flex", "flexDirection": "column"},
    )


def add_pages(app: rx.App) -> None:
    """Add every page with its address."""
    on_load = [Chat.open, History.load, Engine.check]
    app.add_page(conversation_page, route="/", title="AI Doctor", on_load=on_load)
    app.add_page(conversation_page, route="/c/[conversation]", title="AI Doctor", on_load=on_load)
