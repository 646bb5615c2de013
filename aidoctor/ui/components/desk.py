"""Small parts of the page that must act in the browser."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components.assets import SOURCES


class Pulse(rx.NoSSRComponent):
    """Calls `on_beat` every `seconds` while `active` and the page is visible."""

    library = SOURCES["Pulse.jsx"]
    tag = "Pulse"

    active: rx.Var[bool]
    seconds: rx.Var[int]

    on_beat: rx.EventHandler[rx.event.no_args_event_spec]


class ImportButton(rx.NoSSRComponent):
    """Sends an exported conversation to the import route and opens what came of it."""

    library = SOURCES["ImportButton.jsx"]
    tag = "ImportButton"


class Keys(rx.NoSSRComponent):
    """The keys of the page; `on_new` is told when a new conversation is wanted."""

    library = SOURCES["Keys.jsx"]
    tag = "Keys"

    on_new: rx.EventHandler[rx.event.no_args_event_spec]
