"""What stands around every page: the history beside it, and the keys.

On a wide screen the history is always there; on a phone it is a native popover, so that opening
and closing it costs no round trip and Escape and a tap outside close it.
"""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.components import Drawer, ImportButton, Keys, Naming, Pulse
from aidoctor.ui.state.conversation import Chat
from aidoctor.ui.state.engine import Engine
from aidoctor.ui.state.history import Entry, Group, History

MORE = "M4.5 10h.01M10 10h.01M15.5 10h.01"


def frame(*children: rx.Component) -> rx.Component:
    """A page: the history at its side and `children` in the middle."""
    return rx.el.div(
        rx.el.a(
            "Skip to the main part",
            href="#main",
            class_name="skip",
            custom_attrs={"reloadDocument": True},  # the browser moves the focus, not the router
        ),
        _history(),
        rx.el.main(*children, id="main", class_name="room", tab_index=-1),
        _doubt(),
        Drawer.create(drawer="history"),
        Keys.create(on_new=rx.redirect("/")),
        Pulse.create(active=~Engine.ready, seconds=4, on_beat=Engine.check),
        class_name="house",
    )


def plain_page(title: str, *children: rx.Component) -> rx.Component:
    """A page to read: a heading and one scrolling column."""
    return frame(
        rx.el.header(menu_button(), rx.el.h1(title), class_name="page-head"),
        rx.el.div(rx.el.article(*children, class_name="column prose"), class_name="scroll"),
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


def more_button(label: str | rx.Var[str]) -> rx.Component:
    """Opens a menu; to be put into its trigger."""
    return rx.el.button(
        icon(MORE, stroke=2.4),
        type="button",
        class_name="icon-button",
        custom_attrs={"aria-label": label},
    )


def icon(path: str, *, size: int = 20, stroke: float = 1.5) -> rx.Component:
    """A line drawing on a grid of 20 units, in the colour of the text."""
    return rx.el.svg(
        rx.el.svg.path(d=path),
        width=f"{size}",
        height=f"{size}",
        view_box="0 0 20 20",
        fill="none",
        stroke="currentColor",
        stroke_width=f"{stroke}",
        stroke_linecap="round",
        stroke_linejoin="round",
        aria_hidden=True,
    )


def _history() -> rx.Component:
    return rx.el.aside(
        rx.el.nav(
            rx.link("New conversation", href="/", class_name="quiet new"),
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
            _entries(),
            rx.el.div(
                ImportButton.create(),
                _place("Set-up", "/setup"),
                _place("Settings", "/settings"),
                _place("About and limits", "/about"),
                class_name="places",
            ),
            aria_label="History",
        ),
        id="history",
        class_name="history",
        custom_attrs={"popover": "auto"},
    )


def _place(title: str, address: str) -> rx.Component:
    return rx.link(title, href=address, custom_attrs={"aria-current": _here(address)})


def _here(address: str | rx.Var[str]) -> rx.Var[str]:
    return rx.cond(rx.State.router.url.path == address, "page", "false")


def _entries() -> rx.Component:
    return rx.el.div(
        rx.foreach(History.groups, _group),
        rx.cond(
            History.groups.length() == 0,
            rx.el.p(
                rx.cond(History.query == "", "No conversations yet.", "Nothing found."),
                role="status",
                class_name="small-print",
            ),
        ),
        rx.cond(
            History.has_more,
            rx.el.button(
                "Show more", type="button", class_name="quiet", on_click=History.show_more
            ),
        ),
        rx.cond(
            History.wrong != "", rx.el.p(History.wrong, role="alert", class_name="small-print")
        ),
        class_name="entries",
    )


def _group(group: rx.vars.ObjectVar[Group]) -> rx.Component:
    return rx.el.section(
        rx.el.h2(group.when), rx.el.ul(rx.foreach(group.listed, _entry), role="list")
    )


def _entry(entry: rx.vars.ObjectVar[Entry]) -> rx.Component:
    return rx.el.li(
        rx.cond(
            History.naming == entry.id,
            Naming.create(title=entry.title, on_done=lambda title: Chat.rename(entry.id, title)),
            rx.fragment(
                rx.link(
                    rx.cond(entry.title == "", "Untitled", entry.title),
                    href=f"/c/{entry.id}",
                    class_name="entry-title",
                    title=entry.title,
                    custom_attrs={"aria-current": _here(f"/c/{entry.id}")},
                ),
                _entry_menu(entry),
            ),
        ),
        class_name="entry",
    )


def _entry_menu(entry: rx.vars.ObjectVar[Entry]) -> rx.Component:
    return rx.menu.root(
        rx.menu.trigger(more_button(f"More about {entry.title}")),
        rx.menu.content(
            rx.menu.item("Rename", on_select=History.name(entry.id)),
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
                f"“{History.doubted_title}” and its pictures are deleted for good. "
                "This cannot be undone."
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Keep it", type="button", class_name="quiet")),
                rx.alert_dialog.action(
                    rx.el.button(
                        "Delete",
                        type="button",
                        class_name="firm grave",
                        on_click=History.delete(History.doubted),
                    )
                ),
                class_name="choices",
            ),
            max_width="26rem",
        ),
        open=History.doubted != "",
        on_open_change=lambda _open: History.doubt("", History.doubted_title),
    )
