"""Small parts of the page that must act in the browser."""

from __future__ import annotations

import reflex as rx
from reflex.utils.imports import ImportVar
from reflex.vars import FunctionVar, Var, VarData

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


class KeysSwitch(rx.NoSSRComponent):
    """Switches the keys that act alone off and on; kept in this browser."""

    library = SOURCES["Keys.jsx"]
    tag = "KeysSwitch"


class Drawer(rx.NoSSRComponent):
    """Closes the popover named `drawer` when a link in it is followed."""

    library = SOURCES["Drawer.jsx"]
    tag = "Drawer"

    drawer: rx.Var[str]


class Naming(rx.NoSSRComponent):
    """A title that is written in its place."""

    library = SOURCES["Naming.jsx"]
    tag = "Naming"

    title: rx.Var[str]
    label: rx.Var[str]

    on_done: rx.EventHandler[rx.event.passthrough_event_spec(str)]
    """The new title; empty when nothing is to change."""


class Printer(rx.NoSSRComponent):
    """Prints the page when `active` becomes true, once its pictures are there."""

    library = SOURCES["Printer.jsx"]
    tag = "Printer"

    active: rx.Var[bool]

    on_printed: rx.EventHandler[rx.event.no_args_event_spec]


def take_away(conversation_id: rx.Var[str], kind: str) -> rx.event.EventSpec:
    """Save a conversation as a file, `md` or `json`, without asking the page's state."""
    data = VarData(imports={SOURCES["takeAway.js"]: ImportVar(tag="takeAway")})
    function = Var("takeAway", _var_data=data).to(FunctionVar)
    return rx.run_script(function.call(conversation_id, kind))
