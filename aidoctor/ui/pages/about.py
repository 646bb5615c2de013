"""What AI Doctor is and is not, in plain words."""

from __future__ import annotations

import reflex as rx

from aidoctor import __version__
from aidoctor.setup import licence
from aidoctor.ui.frame import frame, menu_button


def about_page() -> rx.Component:
    """The limits, the licences and the promises."""
    return frame(
        rx.el.header(menu_button(), rx.el.h1("About and limits"), class_name="page-head"),
        rx.el.div(
            rx.el.article(
                rx.el.h2("What it is"),
                rx.el.p(
                    "A language model for medical text and pictures that runs where you run it, "
                    "with a page to talk with it. It can explain, help you to think a problem "
                    "through, and prepare you for a visit."
                ),
                rx.el.h2("What it is not"),
                rx.el.ul(
                    rx.el.li("It is not a medical device and gives no diagnosis."),
                    rx.el.li("It cannot examine you and does not know your records."),
                    rx.el.li(
                        "It can be wrong and sound certain. Check what matters with a person who "
                        "is trained for it."
                    ),
                    rx.el.li("In an emergency call your local emergency number, not this page."),
                ),
                rx.el.h2("Limits of MedGemma"),
                rx.el.p("So its makers say in its model card:"),
                rx.el.ul(
                    rx.el.li("It was not tested or tuned for long conversations."),
                    rx.el.li("Pictures were mostly tested one at a time."),
                    rx.el.li("It works best in English and depends on how a question is put."),
                    rx.el.li(
                        "What it says is preliminary: it is not meant to decide a diagnosis or a "
                        "treatment without a professional."
                    ),
                ),
                rx.el.p("The copy that runs at home is compressed, and somewhat weaker for it."),
                rx.el.h2("Privacy"),
                rx.el.p(
                    "After set-up nothing leaves this machine: the conversation, the pictures and "
                    "the model are here. The line below the message box says where the model runs. "
                    "A deleted conversation is overwritten; a temporary one is never written down."
                ),
                rx.el.h2("Licences"),
                rx.el.p("AI Doctor is free software under the Apache License 2.0."),
                rx.el.p(licence.NOTICE),
                rx.el.p(
                    rx.el.a(
                        licence.TITLE,
                        href=licence.LINK,
                        target="_blank",
                        rel="noopener noreferrer nofollow",
                    )
                ),
                rx.el.p(f"Version {__version__}", class_name="small-print"),
                class_name="column prose",
            ),
            class_name="scroll",
        ),
    )
