"""Settings: what a person may change on the page, and the way to delete everything."""

from __future__ import annotations

import reflex as rx
from reflex.style import color_mode, set_color_mode

from aidoctor.ui.components import KeysSwitch
from aidoctor.ui.frame import plain_page
from aidoctor.ui.state.history import WORD, History
from aidoctor.ui.state.preferences import SWITCH, Choice, Preferences


def settings_page() -> rx.Component:
    """Appearance, keys, the model, the data."""
    return plain_page(
        "Settings",
        rx.el.h2("Appearance", id="appearance"),
        _appearance(),
        rx.el.h2("Keys"),
        KeysSwitch.create(),
        rx.el.h2("The model"),
        _model(),
        rx.el.h2("Your data"),
        rx.el.p(
            "Conversations and pictures are kept in ",
            rx.el.code(Preferences.data_dir),
            " and nowhere else.",
        ),
        _delete_all(),
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
            class_name="way",
        )

    return rx.el.div(
        way("As the system", "system"),
        way("Light", "light"),
        way("Dark", "dark"),
        role="radiogroup",
        aria_labelledby="appearance",
        class_name="ways",
    )


def _model() -> rx.Component:
    return rx.fragment(
        rx.el.form(
            rx.foreach(Preferences.choices, _choice),
            rx.el.div(
                rx.el.button("Save", type="submit", class_name="firm"),
                rx.el.p(Preferences.saved, role="status"),
                class_name="saving",
            ),
            on_submit=Preferences.save,
        ),
        rx.cond(
            Preferences.wrong != "",
            rx.el.div(rx.el.p(Preferences.wrong), role="alert", class_name="notice"),
        ),
        rx.el.p(
            "Every other setting is listed by ",
            rx.el.code("aidoctor config"),
            ", with where it came from.",
            class_name="small-print",
        ),
    )


def _choice(choice: rx.vars.ObjectVar[Choice]) -> rx.Component:
    return rx.el.div(
        rx.el.label(choice.label, html_for=f"set-{choice.name}"),
        rx.el.p(choice.meaning, id=f"about-{choice.name}", class_name="small-print"),
        _control(choice),
        rx.el.p(
            rx.el.span(choice.origin),
            rx.cond(
                choice.waits != "",
                rx.el.strong(f" Until AI Doctor is started again: {choice.waits}."),
            ),
            rx.cond(
                choice.chosen,
                rx.el.button(
                    "Take back",
                    type="button",
                    class_name="plain-link",
                    aria_label=f"Take back {choice.label}",
                    on_click=Preferences.take_back(choice.name),
                ),
            ),
            class_name="small-print",
        ),
        class_name="setting",
    )


def _control(choice: rx.vars.ObjectVar[Choice]) -> rx.Component:
    same = {
        "id": f"set-{choice.name}",
        "name": choice.name,
        "default_value": choice.value,
        "key": choice.value,
        "disabled": choice.fixed,
        "class_name": "field",
        "custom_attrs": {"aria-describedby": f"about-{choice.name}"},
    }
    return rx.match(
        choice.kind,
        (
            "list",
            rx.el.select(
                rx.foreach(choice.options, lambda one: rx.el.option(one, value=one)), **same
            ),
        ),
        (
            "switch",
            rx.el.select(
                rx.el.option("Off", value=SWITCH[0]), rx.el.option("On", value=SWITCH[1]), **same
            ),
        ),
        ("number", rx.el.input(type="number", step="any", min=0, **same)),
        rx.el.input(auto_complete="off", spell_check=False, **same),
    )


def _delete_all() -> rx.Component:
    return rx.alert_dialog.root(
        rx.alert_dialog.trigger(
            rx.el.button("Delete all conversations …", type="button", class_name="quiet")
        ),
        rx.alert_dialog.content(
            rx.alert_dialog.title("Delete all conversations?"),
            rx.alert_dialog.description(
                "Every conversation and picture is deleted for good. This cannot be undone."
            ),
            rx.el.form(
                rx.el.label(f"To confirm, type {WORD}", html_for="word"),
                rx.el.input(
                    id="word",
                    name="word",
                    required=True,
                    pattern=f"\\s*(?:{WORD}|{WORD.title()}|{WORD.upper()})\\s*",
                    title=f"The word {WORD}",
                    auto_complete="off",
                    class_name="field",
                ),
                rx.el.div(
                    rx.alert_dialog.cancel(
                        rx.el.button("Keep them", type="button", class_name="quiet")
                    ),
                    rx.el.button("Delete all", type="submit", class_name="firm grave"),
                    class_name="choices",
                ),
                on_submit=History.delete_all,
                class_name="confirm",
            ),
            max_width="26rem",
        ),
    )
