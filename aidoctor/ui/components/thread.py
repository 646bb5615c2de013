"""The turns of one conversation, with answers streamed by the browser itself."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components.assets import NPM, SOURCES
from aidoctor.ui.views import TurnView


class Thread(rx.NoSSRComponent):
    """A scrolling column of turns; fills the height that its flex parent leaves."""

    library = SOURCES["Thread.jsx"]
    tag = "Thread"
    lib_dependencies: list[str] = NPM

    conversation_id: rx.Var[str]
    turns: rx.Var[list[TurnView]]
    has_earlier: rx.Var[bool]

    on_regenerate: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    """The answer to ask again."""
    on_edit: rx.EventHandler[rx.event.passthrough_event_spec(str, str, str)]
    """The turn that was edited, the id of the one that takes its place, its text."""
    on_branch: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    """The sibling to show."""
    on_continue: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    """The unfinished answer to go on with; its status must become "streaming" again."""
    on_answered: rx.EventHandler[rx.event.passthrough_event_spec(str, str)]
    """The answer that ended and how; may be told more than once."""
    on_earlier: rx.EventHandler[rx.event.no_args_event_spec]
    """The reader wants earlier turns."""
