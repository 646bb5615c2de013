"""The terms of MedGemma: told in our own words, with the link, and accepted once.

The weights come under Google's Health AI Developer Foundations terms of use, version of
2024-11-15. The acceptance is kept with the person's preferences, next to the conversations.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

VERSION = "2024-11-15"
TITLE = "Health AI Developer Foundations terms of use"
LINK = "https://developers.google.com/health-ai-developer-foundations/terms"
POLICY = "https://developers.google.com/health-ai-developer-foundations/prohibited-use-policy"
PREFERENCE = "licence.hai-def"
"""Name of the preference; its value is `VERSION` and the moment of acceptance."""

NOTICE = (
    "HAI-DEF is provided under and subject to the Health AI Developer Foundations Terms of Use "
    f"found at {LINK}"
)
"""The sentence that the terms ask to stand wherever the model is passed on."""

SUMMARY = (
    "MedGemma belongs to Google, which lets you use it free of charge under its own terms. "
    "AI Doctor does not contain the model: your machine fetches it after you agree.",
    "It is not a medical device. You may not use it to diagnose or treat people where that needs "
    "an authorisation from a health authority, unless you hold that authorisation.",
    "You may not use it against the law, for what Google's prohibited use policy rules out, or so "
    "that Google would count as the maker of a medical device.",
    "If you pass the model on, or let others use it over a network, you pass these terms on with "
    "it, say what you changed, and keep Google's notice.",
    "It comes without warranty. What it answers can be wrong and does not replace a doctor.",
)
"""What the terms come to, for reading before the link; the linked text is what binds."""


def applies_to(model: str) -> bool:
    """Whether the weights of `model` come under these terms."""
    return "medgemma" in model.lower()


def accepted(preferences: Mapping[str, str]) -> bool:
    """Whether the person has accepted the present version."""
    return preferences.get(PREFERENCE, "").startswith(VERSION)


def acceptance(now: datetime | None = None) -> str:
    """The value to keep under `PREFERENCE` at the moment of acceptance."""
    return f"{VERSION} {(now or datetime.now(UTC)).isoformat(timespec='seconds')}"
