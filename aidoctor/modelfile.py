"""The Modelfile at the root of the project: one source of SYSTEM and context for every engine.

Ollama's own command reads it as it stands (`ollama create aidoctor -f Modelfile`); set-up makes
the same model from it through Ollama's API; the other engines take SYSTEM and `num_ctx` from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

_INSTRUCTION = re.compile(
    r'^(?P<name>[A-Z]+)[ \t]+(?P<value>"""(?P<block>.*?)"""|[^\n]*)[ \t]*$',
    re.MULTILINE | re.DOTALL,
)

ParameterValue = int | float | str | list[str]


@dataclass(frozen=True, slots=True)
class Modelfile:
    """A Modelfile's instructions; names and meaning as in Ollama's documentation."""

    base: str
    """The tag after FROM."""
    system: str
    template: str
    license: str = ""
    requires: str = ""
    """Oldest version of Ollama that will do."""
    parameters: dict[str, ParameterValue] = field(default_factory=dict)

    @property
    def num_ctx(self) -> int:
        """Size of the context in tokens."""
        value = self.parameters["num_ctx"]
        return int(value) if not isinstance(value, list) else int(value[0])


def parse(text: str) -> Modelfile:
    """Read a Modelfile; raises `ValueError` where FROM, SYSTEM or TEMPLATE is missing."""
    found: dict[str, str] = {}
    parameters: dict[str, ParameterValue] = {}
    for match in _INSTRUCTION.finditer(_without_comments(text)):
        name = match["name"]
        value = match["value"].strip() if match["block"] is None else match["block"]
        if name == "PARAMETER":
            _add(parameters, *value.split(maxsplit=1))
        else:
            found[name] = value
    missing = {"FROM", "SYSTEM", "TEMPLATE"} - found.keys()
    if missing:
        raise ValueError(f"the Modelfile lacks {', '.join(sorted(missing))}")
    return Modelfile(
        base=found["FROM"],
        system=found["SYSTEM"].strip(),
        template=found["TEMPLATE"],
        license=found.get("LICENSE", "").strip(),
        requires=found.get("REQUIRES", ""),
        parameters=parameters,
    )


@cache
def ours() -> Modelfile:
    """The project's own: beside the package in a clone, inside it in a wheel."""
    package = Path(__file__).parent
    inside = package / "Modelfile"
    path = inside if inside.is_file() else package.parent / "Modelfile"
    return parse(path.read_text(encoding="utf-8"))


def system() -> str:
    """The SYSTEM text, the same on every engine."""
    return ours().system


def num_ctx() -> int:
    """The size of the context in tokens, the same on every engine."""
    return ours().num_ctx


def _without_comments(text: str) -> str:
    """Blank out comment lines outside of blocks."""
    outside = re.split(r'(""".*?""")', text, flags=re.DOTALL)
    outside[::2] = [re.sub(r"^[ \t]*#.*$", "", part, flags=re.MULTILINE) for part in outside[::2]]
    return "".join(outside)


def _add(parameters: dict[str, ParameterValue], name: str, raw: str) -> None:
    """`stop` may occur several times; numbers become numbers."""
    if name == "stop":
        known = parameters.setdefault("stop", [])
        if isinstance(known, list):
            known.append(raw)
        return
    number = float(raw)
    parameters[name] = int(number) if number.is_integer() else number
