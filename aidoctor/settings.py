"""Settings of the machine and its environment, read once and passed down.

Order of authority: `AIDOCTOR_*` in the environment, then what the person chose on the page (kept
in the store), then `aidoctor.toml` in the user's configuration folder, then the defaults here.
A file in the working folder is never read, so a folder from elsewhere cannot send words away.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import AfterValidator, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings.sources import PydanticBaseSettingsSource

from aidoctor.errors import HostRefused, SettingsError

PREFIX = "AIDOCTOR_"
PREFERENCES = frozenset(
    {"engine", "model", "think", "temperature", "context_tokens", "answer_tokens"}
)
"""The settings that a person may change on the page."""


PAGE = Path(__file__).parent / "page"
"""Where the built page lies, in the source folder and in an installation alike."""

PATHS = frozenset({"data_dir", "gguf", "mmproj"})
"""The settings that are paths; in a file they may be relative to its folder."""


def config_file() -> Path:
    """Where `aidoctor.toml` is looked for."""
    return Path(platformdirs.user_config_dir("aidoctor", appauthor=False)) / "aidoctor.toml"


def _data_dir() -> Path:
    return Path(platformdirs.user_data_dir("aidoctor", appauthor=False))


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Folder = Annotated[Path, AfterValidator(_absolute)]
"""A path that stays the same when the process moves to another folder."""


class Settings(BaseSettings):
    """Every setting, its default and its meaning."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_ignore_empty=True,
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
    )

    engine: str = Field(
        "auto", description="auto, ollama, openai, llamacpp, or the name of an installed engine."
    )
    model: str = Field("medgemma1.5:4b-it-q4_K_M", description="Base tag of the model to ask.")
    ollama_host: str = Field("http://127.0.0.1:11434", description="Address of the Ollama server.")
    openai_base_url: str = Field(
        "", description="Base URL of an OpenAI-compatible server, ending in /v1."
    )
    openai_api_key: SecretStr = Field(
        SecretStr(""), description="Key for that server, where it needs one."
    )
    allow_remote_engine: bool = Field(
        False, description="Allow an engine address outside this machine."
    )
    gguf: Folder | None = Field(None, description="Model file for the embedded engine (GGUF).")
    mmproj: Folder | None = Field(
        None, description="Vision projector for the embedded engine (GGUF)."
    )
    context_tokens: int | None = Field(
        None, ge=512, description="Size of the context in tokens; by default the Modelfile's."
    )
    answer_tokens: int = Field(2048, ge=16, description="Longest answer in tokens.")
    temperature: float = Field(
        0.0, ge=0, le=2, description="0 is greedy, as MedGemma is meant to be run."
    )
    think: bool = Field(False, description="Let models think before they answer, where they can.")
    threads: int = Field(
        0, ge=0, description="CPU threads of the embedded engine; 0 lets it choose."
    )
    keep_alive: str = Field(
        "30m", description="How long Ollama keeps the model in memory after an answer."
    )
    parallel_answers: int = Field(
        1, ge=1, le=64, description="Answers written at once; others wait, visibly."
    )
    connect_timeout: float = Field(10, gt=0, description="Seconds to reach the engine.")
    first_token_timeout: float = Field(
        900, gt=0, description="Seconds until the first token; progress restarts it."
    )
    token_timeout: float = Field(60, gt=0, description="Seconds between two tokens.")
    data_dir: Folder = Field(
        default_factory=_data_dir, description="Folder of conversations and models."
    )
    host: str = Field("127.0.0.1", description="Address to listen on; loopback only.")
    port: int = Field(3000, ge=1, le=65535, description="Port of the page.")
    open_browser: bool = Field(True, description="Open the page in the browser at start.")
    hub_endpoint: str = Field(
        "https://huggingface.co", description="Where model files for the embedded engine come from."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "warning", description="How much is logged; never what people write."
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Settings are what `load` has gathered; making them reads nothing by itself."""
        return (init_settings,)


@dataclass(frozen=True, slots=True)
class Explained:
    """One setting as it stands and where it was set."""

    name: str
    value: str
    """As written in a file, with secrets masked."""
    origin: str
    """`default`, `the page`, a variable's name, or a file with its line."""
    meaning: str


@dataclass(frozen=True, slots=True)
class _Given:
    value: Any
    origin: str


def load(preferences: Mapping[str, str] | None = None) -> Settings:
    """Read every layer; `preferences` is what the person chose on the page.

    Raises `SettingsError`, or `HostRefused` where the page would leave this machine; both name
    what to correct and where it stands.
    """
    given = _gather(preferences or {})
    try:
        settings = Settings(**{name: one.value for name, one in given.items()})
    except ValidationError as error:
        raise _invalid(error, given) from None
    if not is_loopback(settings.host):
        origin = given["host"].origin
        raise HostRefused(fix=f"Set host to 127.0.0.1 ({origin} says {settings.host}).")
    return settings


def explain(preferences: Mapping[str, str] | None = None) -> list[Explained]:
    """Every setting with its value and where it came from, in the order of their definition."""
    preferences = preferences or {}
    given, settings = _gather(preferences), load(preferences)
    return [
        Explained(
            name,
            shown(getattr(settings, name)),
            given[name].origin if name in given else "default",
            field.description or "",
        )
        for name, field in Settings.model_fields.items()
    ]


def shown(value: object) -> str:
    """`value` as it would stand in `aidoctor.toml`; secrets masked, nothing as an empty text."""
    match value:
        case SecretStr():
            return '"********"' if value.get_secret_value() else '""'
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case None:
            return '""'
        case _:
            return f'"{value}"'


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine and nothing else."""
    bare = host.strip("[]").lower()
    if bare == "localhost":
        return True
    try:
        return ipaddress.ip_address(bare).is_loopback
    except ValueError:
        return False


def _gather(preferences: Mapping[str, str]) -> dict[str, _Given]:
    """The layers laid over each other, the strongest last."""
    chosen = {
        name: _Given(value, "the page")
        for name, value in preferences.items()
        if name in PREFERENCES
    }
    return _from_file(config_file()) | chosen | _from_environment()


def _from_environment() -> dict[str, _Given]:
    for variable in os.environ:
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            _known(name, variable, written=variable, known=_variables())
    read = EnvSettingsSource(Settings)()
    return {name: _Given(value, PREFIX + name.upper()) for name, value in read.items()}


def _from_file(file: Path) -> dict[str, _Given]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(what=f"{file} cannot be read: {error}.") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(what=f"{file} is not valid TOML: {error}.") from None
    given = {}
    for name, value in content.items():
        origin = f"{file}:{_line(text, name)}"
        _known(name, origin, written=name, known=Settings.model_fields)
        if value == "" and Settings.model_fields[name].default is None:
            continue
        if name in PATHS and isinstance(value, str):
            value = file.parent / Path(value).expanduser()
        given[name] = _Given(value, origin)
    return given


def _line(text: str, name: str) -> int:
    """The line where `name` is set at the top level, counted from 1."""
    key = re.compile(rf"""\s*\[*\s*["']?{re.escape(name)}["']?\s*[=.\]]""")
    lines = enumerate(text.splitlines(), start=1)
    return next((number for number, line in lines if key.match(line)), 1)


@cache
def _variables() -> dict[str, str]:
    return {PREFIX + name.upper(): name for name in Settings.model_fields}


def _known(name: str, origin: str, *, written: str, known: Iterable[str]) -> None:
    if written in known:
        return
    meant = get_close_matches(written, known, n=1)
    hint = f"Did you mean {meant[0]}?" if meant else "`aidoctor config` lists every setting."
    raise SettingsError(
        what=f"{origin}: there is no setting {name}.", fix=f"{hint} Correct it and start again."
    )


def _invalid(error: ValidationError, given: Mapping[str, _Given]) -> SettingsError:
    """Name the first setting that is wrong, where it stands, and what it must be."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    name = str(first["loc"][0])
    reason = first["msg"][0].lower() + first["msg"][1:]
    meaning = Settings.model_fields[name].description
    return SettingsError(
        what=f"{given[name].origin}: {name} is not valid: {reason}.",
        fix=f"{name}: {meaning} Correct it and start again.",
    )
