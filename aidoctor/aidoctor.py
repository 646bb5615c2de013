"""The composition root: the pages and the data routes become one application.

Importing this opens nothing, since the build of the page and `reflex run` import it too; the
practice opens with the application's lifespan.
"""

from __future__ import annotations

import reflex as rx
from starlette.applications import Starlette

from aidoctor.practice import opened, practice
from aidoctor.store import Store
from aidoctor.ui.pages import add_pages
from aidoctor.web import answers, attachments, conversations
from aidoctor.web.guard import guarded


def _store_for(temporary: bool) -> Store:
    records = practice().records
    return records.temporary if temporary else records.kept


_api = Starlette(
    routes=[
        *answers.routes(lambda: practice().consultation, lambda: practice().records),
        *attachments.routes(_store_for, lambda: practice().images),
        *conversations.routes(
            lambda conversation_id: practice().records.of(conversation_id),
            lambda: practice().records.kept,
            lambda data: practice().images.clean(data),
        ),
    ]
)

app = rx.App(api_transformer=[_api, guarded], stylesheets=["/frame.css", "/setup.css"])
app.register_lifespan_task(opened)
add_pages(app)
