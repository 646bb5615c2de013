"""The parts of the page that are written in JSX, as Reflex components.

`Thread` shows a conversation and streams its answers, `Composer` sends, `Welcome` fills the empty
page. Words and pictures of a running answer go between them and our own routes, not through the
page's state.
"""

from aidoctor.ui.components.composer import Composer
from aidoctor.ui.components.desk import (
    Drawer,
    ImportButton,
    Keys,
    KeysSwitch,
    Naming,
    Printer,
    Pulse,
    take_away,
)
from aidoctor.ui.components.thread import Thread
from aidoctor.ui.components.welcome import Welcome

__all__ = [
    "Composer",
    "Drawer",
    "ImportButton",
    "Keys",
    "KeysSwitch",
    "Naming",
    "Printer",
    "Pulse",
    "Thread",
    "Welcome",
    "take_away",
]
