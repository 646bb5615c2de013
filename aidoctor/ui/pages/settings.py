"""Settings: what a person may change on the page, and the way to delete everything."""

from __future__ import annotations

import reflex as rx
from reflex.style import color_mode, set_color_mode

from aidoctor.ui.frame import frame, menu_button
from aidoctor.ui.state.history import History
from aidoctor.ui.state.preferences import Choice, Preferences


def settings_page() -> rx.Component:
    """Appearance, the model's settings, the data."""
    return frame(
        rx.el.header(menu_button(), rx.el.h1("Settings"), class_name="page-head"),
        rx.el.div(
            rx.el.div(
                _appearance(),
                rx.el.h2("The model"),
                rx.foreach(Preferences.choices, _choice),
                rx.el.p(Preferences.saved, role="status", class_name="small-print"),
                rx.cond(Preferences.wrong != "", rx.el.p(Preferences.wrong, role="alert")),
                rx.el.p(
                    "These apply from the next start. Every other setting is listed by ",
                    rx.el.code("aidoctor config"),
                    ".",
                    class_name="small-print",
                ),
                rx.el.h2("Your data"),
                rx.el.p(
                    "Conversations and pictures lie in ", rx.el.code(Preferences.data_dir), "."
                ),
                _delete_all(),
                class_name="column prose",
            ),
            class_name="scroll",
        ),
    )


def _appearance() -> rx.Component:
    def way(label: str, value: str) -> rx.Component:
        return rx.el.label(
            rx.el.input(
                type="radio",
                name="appearance",
                value=value,
                checked=color_mode == value,
                on_change=set_color_mode(value),
            ),
            label,
        )

    return rx.el.fieldset(
        rx.el.legend("Appearance"),
        way("As the system", "system"),
        way("Light", "light"),
        way("Dark", "dark"),
        class_name="ways",
    )


def _choice(choice: rx.vars.ObjectVar[Choice]) -> rx.Component:
    return rx.el.form(
        rx.el.label(choice.title, html_for=f"set-{choice.name}"),
        rx.el.p(choice.meaning, class_name="small-print"),
        rx.el.div(
            rx.el.input(
                id=f"set-{choice.name}",
                name=choice.name,
                default_value=choice.value,
                key=choice.value,
                disabled=choice.fixed,
                class_name="field",
            ),
            rx.el.button("Save", type="submit", disabled=choice.fixed, class_name="quiet"),
            class_name="field-row",
        ),
        rx.el.p(
            rx.cond(
                choice.fixed,
                f"Set by {choice.origin} in the environment, which the page does not overrule.",
                f"From: {choice.origin}",
            ),
            class_name="small-print",
        ),
        on_submit=Preferences.save,
        class_name="setting",
    )


def _delete_all() -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(
            rx.el.button("Delete all conversations …", type="button", class_name="quiet")
        ),
        rx.alert_dialog.content(
            rx.alert_dialog.title("Delete all conversations?"),
            rx.alert_dialog.description(
                "Every conversation and picture is deleted for good, in every file. "
                "This cannot be undone."
            ),
            rx.el.div(
                rx.alert_dialog.cancel(rx.el.button("Keep them", class_name="quiet")),
                rx.alert_dialog.action(
                    rx.el.button("Delete all", class_name="firm grave", on_click=History.delete_all)
                ),
                class_name="choices",
            ),
            max_width="26rem",
        ),
    )
