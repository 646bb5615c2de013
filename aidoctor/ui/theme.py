"""The look that Radix gives the page; the rest is in components/theme.css."""

from __future__ import annotations

from typing import Final

import reflex as rx

THEME: Final = rx.theme(
    accent_color="teal", gray_color="sand", appearance="inherit", radius="medium"
)
"""Sand greys, teal as the one accent, light or dark as the person's system says."""
