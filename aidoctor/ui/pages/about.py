"""What AI Doctor is and is not, in plain words."""

from __future__ import annotations

import reflex as rx

from aidoctor import __version__
from aidoctor.setup import licence
from aidoctor.ui.frame import plain_page


def about_page() -> rx.Component:
    """The limits, the promises and the licences."""
    return plain_page(
        "About and limits",
        rx.el.h2("What it is"),
        rx.el.p(
            "A language model for medical text and pictures, with a page to talk with it, on a "
            "machine of yours. It explains, helps you to think a problem through, and prepares "
            "you for a visit."
        ),
        rx.el.h2("What it is not"),
        _list(
            "It is not a medical device and gives no diagnosis.",
            "It cannot examine you and does not know your records.",
            "It can be wrong and sound certain. Check what matters with someone trained for it.",
            "In an emergency call your local emergency number, not this page.",
        ),
        rx.el.h2("Limits of MedGemma"),
        rx.el.p("Its makers say in its model card:"),
        _list(
            "What it says is preliminary. It is not meant to decide on a diagnosis or a "
            "treatment without a professional.",
            "It was not evaluated or tuned for long conversations.",
            "Pictures were mostly evaluated one at a time.",
            "It works mainly in English, and depends on how a question is put.",
        ),
        rx.el.p(
            "On the exam questions of the United States for doctors (MedQA) the model of 4 billion "
            "parameters answers 69 in 100 correctly, and the compressed copy that runs at home "
            "may be somewhat weaker."
        ),
        rx.el.h2("Privacy"),
        *_privacy(),
        rx.el.h2("Licences"),
        rx.el.p("AI Doctor is free software under the Apache License 2.0."),
        rx.el.p("MedGemma comes under terms of its own. ", licence.NOTICE, "."),
        rx.el.p(
            rx.el.a(
                f"Read the {licence.TITLE}",
                href=licence.LINK,
                target="_blank",
                rel="noopener noreferrer nofollow",
            )
        ),
        rx.el.p(f"AI Doctor {__version__}", class_name="small-print"),
    )


def _privacy() -> list[rx.Component]:
    return [
        rx.el.p(
            "After set-up nothing leaves this machine: the conversations, the pictures and the "
            "model are here, and no statistics are sent. The line below the message box says "
            "where the model runs; only you can point it at another machine."
        ),
        rx.el.p(
            "This is tested: a browser goes through the whole page while every connection of the "
            "page and of the program is written down, and not one may go elsewhere. A deleted "
            "conversation is looked for, byte by byte, in the files that held it. A temporary one "
            "is never written to the disk."
        ),
        rx.el.p(
            "Whoever can use your account on this machine can read what is kept here. Encrypt the "
            "disk if that matters."
        ),
    ]


def _list(*sentences: str) -> rx.Component:
    return rx.el.ul(*[rx.el.li(sentence) for sentence in sentences])
