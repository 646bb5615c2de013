"""The box where a person writes, with pictures, drafts, send and stop."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components.assets import SOURCES
from aidoctor.ui.views import LastMessage


class Composer(rx.NoSSRComponent):
    """Keeps drafts in the browser's storage under "aidoctor:draft:<conversation id>"."""

    library = SOURCES["Composer.jsx"]
    tag = "Composer"

    conversation_id: rx.Var[str]
    """Empty before the first message."""
    temporary: rx.Var[bool]
    """Nothing of it may be written down, drafts included."""
    answering: rx.Var[str]
    """The running answer of this conversation, or empty."""
    accepted: rx.Var[str]
    """The last user turn that the store has; its text leaves the browser's storage."""
    sees: rx.Var[str]
    """Whether the model sees pictures: "yes", "no" or "unknown"."""
    engine_ready: rx.Var[bool]
    last_user: rx.Var[LastMessage]

    on_send: rx.EventHandler[rx.event.passthrough_event_spec(str, str, list[str])]
    """Turn id made by the browser, text, attachment ids."""
    on_stop: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    on_edit_last: rx.EventHandler[rx.event.no_args_event_spec]
    """Told when arrow-up opened the last message for editing."""
