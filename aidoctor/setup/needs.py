"""What a model asks of the machine, for advice before anything is fetched.

Download sizes are those that the Ollama library and the hub list (November 2026). Memory is the
whole machine's: a 4B model at Q4 with its vision projector and 8,192 tokens of context measured
5.8 GB resident in llama.cpp, so 8 GB leaves room for the system; the others follow from their
weights in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

GB = 1_000_000_000
SPARE = 1 * GB
"""Room on the disk beside the model: conversations, pictures, the system's own needs."""


@dataclass(frozen=True, slots=True)
class HubFile:
    """One file of a repository on the hub."""

    repo: str
    name: str
    size: int
    """Bytes as last listed; what the hub announces at download time counts."""


@dataclass(frozen=True, slots=True)
class Needs:
    """What one model takes, in bytes."""

    pull: int
    """Size in the Ollama library."""
    memory: int


_REPO = "unsloth/medgemma-1.5-4b-it-GGUF"
_PROJECTOR = HubFile(_REPO, "mmproj-F16.gguf", 851_251_000)

EMBEDDED = (HubFile(_REPO, "medgemma-1.5-4b-it-Q4_K_M.gguf", 2_489_894_976), _PROJECTOR)
"""MedGemma 1.5 4B for llama.cpp; the projector's size is approximate."""

_KNOWN = {
    "4b-it-q4_k_m": Needs(3_300_000_000, 8 * GB),
    "4b-it-q8_0": Needs(5_000_000_000, 12 * GB),
    "4b-it-bf16": Needs(8_600_000_000, 16 * GB),
    "27b-it-q4_k_m": Needs(17_000_000_000, 32 * GB),
    "27b-it-bf16": Needs(55_000_000_000, 96 * GB),
}
_ALIASES = {
    "": "4b-it-q4_k_m",
    "latest": "4b-it-q4_k_m",
    "4b": "4b-it-q4_k_m",
    "27b": "27b-it-q4_k_m",
}


def of(model: str) -> Needs | None:
    """What `model` needs, where we know it: the MedGemma tags."""
    name, _, tag = model.lower().partition(":")
    if not name.removeprefix("aidoctor-").startswith("medgemma"):
        return None
    return _KNOWN.get(_ALIASES.get(tag, tag))


def weigh(files: Sequence[HubFile]) -> int:
    """Bytes of `files` together."""
    return sum(file.size for file in files)
