"""The pages and their addresses."""

from __future__ import annotations

import reflex as rx

from aidoctor.ui.failures import speak_plainly
from aidoctor.ui.pages.about import about_page
from aidoctor.ui.pages.conversation import conversation_page
from aidoctor.ui.pages.lost import lost_page
from aidoctor.ui.pages.settings import settings_page
from aidoctor.ui.pages.setup import setup_page
from aidoctor.ui.state.conversation import Chat
from aidoctor.ui.state.engine import Engine
from aidoctor.ui.state.history import History
from aidoctor.ui.state.preferences import Preferences
from aidoctor.ui.state.setup import Setup


def add_pages(app: rx.App) -> None:
    """Add every page, and what stands in for one that fails."""
    speak_plainly(app)
    around = [History.load, Engine.check]
    for route in ("/", "/c/[conversation]"):
        app.add_page(conversation_page, route, title="AI Doctor", on_load=[Chat.open, *around])
    app.add_page(settings_page, "/settings", title="Settings", on_load=[Preferences.load, *around])
    app.add_page(setup_page, "/setup", title="Set-up", on_load=[Setup.open, *around])
    app.add_page(about_page, "/about", title="About and limits", on_load=around)
    app.add_page(lost_page, "404", title="Not found", on_load=around)
