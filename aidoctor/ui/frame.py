"""What stands around every page: the history beside it, and the keys.

On a wide screen the history is always there; on a phone it is a native popover, so that opening
and closing it costs no round trip and Escape and a tap outside close it.
"""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components import ImportButton, Keys, Pulse
from aidoctor.ui.state.engine import Engine
from aidoctor.ui.state.history import Entry, History

HIDE = rx.call_script("document.getElementById('history')?.hidePopover?.()")


def frame(*children: rx.Component) -> rx.Component:
    """A page: the history at its side and `children` in the middle."""
    return rx.el.div(
        rx.el.a("Skip to the conversation", href="#main", class_name="skip"),
        _history(),
        rx.el.main(*children, id="main", class_name="room", tab_index=-1),
        _doubt(),
        Keys.create(on_new=rx.redirect("/")),
        Pulse.create(active=~Engine.ready, seconds=4, on_beat=Engine.check),
        class_name="house",
    )


def menu_button() -> rx.Component:
    """Opens the history where it is not always shown."""
    return rx.el.button(
        icon("M3 5.5h14M3 10h14M3 14.5h14"),
        type="button",
        aria_label="History",
        class_name="icon-button only-narrow",
        custom_attrs={"popoverTarget": "history"},
    )


def icon(path: str) -> rx.Component:
    """A line drawing on a grid of 20 units, in the colour of the text."""
    return rx.el.svg(
        rx.el.svg.path(d=path),
        width="20",
        height="20",
        view_box="0 0 20 20",
        fill="none",
        stroke="currentColor",
        stroke_width="1.5",
        stroke_linecap="round",
        stroke_linejoin="round",
        aria_hidden=True,
    )


def _history() -> rx.Component:
    return rx.el.aside(
        rx.el.nav(
            rx.link("New conversation", href="/", on_click=HIDE, class_name="quiet new"),
            rx.debounce_input(
                rx.el.input(
                    id="search",
                    type="search",
                    placeholder="Search",
                    aria_label="Search the history",
                    value=History.query,
                    on_change=History.search,
                ),
                debounce_timeout=250,
            ),
            rx.el.div(
                rx.foreach(History.entries, _entry),
                rx.cond(
                    History.entries.length() == 0,
                    rx.el.p(
                        rx.cond(History.query == "", "No conversations yet.", "Nothing found."),
                        class_name="small-print",
                    ),
                ),
                rx.cond(
                    History.has_more,
                    rx.el.button("Show more", class_name="quiet", on_click=History.show_more),
                ),
                class_name="entries",
            ),
            rx.el.div(
                ImportButton.create(),
                rx.link("Set-up", href="/setup", on_click=HIDE),
                rx.link("Settings", href="/settings", on_click=HIDE),
                rx.link("About and limits", href="/about", on_click=HIDE),
                class_name="places",
            ),
            aria_label="History",
        ),
        id="history",
        class_name="history",
        custom_attrs={"popover": "auto"},
    )


def _entry(entry: rx.vars.ObjectVar[Entry]) -> rx.Component:
    return rx.fragment(
        rx.cond(entry.when != "", rx.el.h2(entry.when)),
        rx.el.div(
            rx.link(
                rx.cond(entry.title == "", "Untitled", entry.title),
                href=f"/c/{entry.id}",
                on_click=HIDE,
                class_name="entry-title",
                title=entry.title,
                custom_attrs={
                    "aria-current": rx.cond(
                        rx.State.router.url.path == f"/c/{entry.id}", "page", "false"
                    )
                },
            ),
            _entry_menu(entry),
            class_name="entry",
        ),
    )


def _entry_menu(entry: rx.vars.ObjectVar[Entry]) -> rx.Component:
    return rx.menu.root(
        rx.menu.trigger(
            rx.el.button(
                icon("M5 10h.01M10 10h.01M15 10h.01"),
                type="button",
                class_name="icon-button",
                custom_attrs={"aria-label": f"More about {entry.title}"},
            )
        ),
        rx.menu.content(
            rx.menu.item(
                rx.cond(entry.pinned, "Unpin", "Pin"),
                on_select=History.pin(entry.id, ~entry.pinned),
            ),
            rx.menu.item("Delete …", color="red", on_select=History.doubt(entry.id, entry.title)),
        ),
    )


def _doubt() -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.content(
            rx.alert_dialog.title("Delete this conversation?"),
            rx.alert_dialog.description(
                f"“{History.doubted_title}” and its pictures are deleted for good, "
                "in every file. This cannot be undone."
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Keep it", class_name="quiet")),
                rx.alert_dialog.action(
                    rx.el.button("Delete", class_name="firm grave", on_click=History.delete)
                ),
                class_name="choices",
            ),
            max_width="26rem",
        ),
        open=History.doubted != "",
        on_open_change=lambda _open: History.doubt("", History.doubted_title),
    )
