"""What an Ollama server says of itself and its models, beside the chat.

Asked over plain HTTP, because Ollama's client drops the fields that say whether a model runs
somewhere else (`remote_host`) and what its SYSTEM is. (Ollama's `api/types.go`, v0.33.)
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import httpx

from aidoctor import modelfile
from aidoctor.adapters.address import is_loopback, with_scheme
from aidoctor.adapters.failures import reported, translated
from aidoctor.errors import EngineTooOld, ModelNotLocal
from aidoctor.settings import Settings

HOLES = (((0, 34, 2), (0, 35, 0), "CVE-2026-103663"),)
"""Since, fixed in, name: versions with a known hole."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What `/api/show` says of one model."""

    capabilities: frozenset[str] = frozenset()
    context_tokens: int = 0
    remote: bool = False
    system: str = ""
    template: str = ""

    @property
    def sees(self) -> bool | None:
        """Whether it reads pictures; None where an old server does not say."""
        return "vision" in self.capabilities if self.capabilities else None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of `/api/tags`."""

    name: str
    digest: str = ""
    size: int = 0
    quantisation: str = ""
    remote: bool = False


@dataclass(slots=True)
class OllamaServer:
    """The questions; each raises an `EngineError`."""

    http: httpx.AsyncClient
    shown: dict[tuple[str, str], Facts] = field(default_factory=dict)

    @classmethod
    def at(cls, settings: Settings) -> OllamaServer:
        """The server at the address in the settings."""
        silence = settings.first_token_timeout + settings.token_timeout
        address = with_scheme(settings.ollama_host)
        client = httpx.AsyncClient(
            base_url=address,
            timeout=httpx.Timeout(settings.connect_timeout, read=min(30.0, silence)),
            limits=httpx.Limits(max_keepalive_connections=0),  # it may be restarted meanwhile
            trust_env=False,
            follow_redirects=False,
        )
        return cls(client)

    async def version(self) -> str:
        """Its version; raises `EngineTooOld` below the Modelfile's REQUIRES."""
        with translated():
            said = str((await self._get("/api/version"))["version"])
        required = modelfile.ours().requires
        if (0, 0, 0) < numbers(said) < numbers(required):  # 0.0.0: built from source
            raise EngineTooOld(
                what=f"This Ollama ({said}) is too old.",
                fix=f"Update Ollama to {required} or newer.",
            )
        return said

    async def entries(self) -> list[Entry]:
        """Every model it has."""
        with translated():
            return [_entry(model) for model in (await self._get("/api/tags"))["models"] or ()]

    async def loaded(self, name: str) -> bool:
        """Whether the model is in memory."""
        with translated():
            running = (await self._get("/api/ps"))["models"] or ()
            return name in [model["name"] for model in running]

    async def facts(self, entry: Entry) -> Facts:
        """What it says of a model, remembered by digest."""
        key = (entry.name, entry.digest)
        if key not in self.shown:
            with translated():
                response = await self.http.post("/api/show", json={"model": entry.name})
                self.shown[key] = _facts(_json(response))
        return self.shown[key]

    async def all_facts(self, entries: list[Entry]) -> list[Facts]:
        """`facts` of several models at once."""
        return await asyncio.gather(*(self.facts(entry) for entry in entries))

    async def _get(self, path: str) -> Any:
        return _json(await self.http.get(path))


def numbers(version: str) -> tuple[int, ...]:
    """`0.33.0-rc2` as (0, 33, 0); what is no version as (0, 0, 0)."""
    match = re.match(r"v?(\d+)\.(\d+)\.(\d+)", version)
    return tuple(int(part) for part in match.groups()) if match else (0, 0, 0)


async def warnings(version: str, address: str) -> tuple[str, ...]:
    """What a person should know about this version of Ollama and how it listens."""
    found = numbers(version)
    told = [
        f"Ollama {version} has a known security hole ({name}). "
        f"Update it to {'.'.join(map(str, fixed))} or newer."
        for since, fixed, name in HOLES
        if since <= found < fixed
    ]
    if found == (0, 0, 0):
        told.append("This Ollama does not say which version it is.")
    if is_loopback(address) and await asyncio.to_thread(_listens_widely, urlsplit(address).port):
        told.append(
            "Ollama can be used, and read along, by other machines of your network. "
            "Start it without OLLAMA_HOST, or with OLLAMA_HOST=127.0.0.1."
        )
    return tuple(told)


def _listens_widely(port: int | None) -> bool:
    """Whether a socket of this machine listens on `port` for others; False where none may look."""
    import psutil

    try:
        sockets = psutil.net_connections("tcp")
    except psutil.Error:  # macOS lets only root look
        return False
    listening = [end.laddr for end in sockets if end.status == "LISTEN"]
    heard = [end.ip for end in listening if end and end.port == port]
    return any(not ip_address(ip).is_loopback for ip in heard)


def full(model: str) -> str:
    """A tag with its `:latest`."""
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def made_from(model: str) -> str:
    """The name of our model on the base `model`: `aidoctor-` and its tag, without slashes."""
    name, _, tag = full(model).rpartition(":")
    return f"aidoctor-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)}:{tag}"


def refuse_cloud(model: str, *, remote: bool = False) -> None:
    """Raise `ModelNotLocal` for a model that Ollama would pass on to its cloud."""
    if remote or re.search(r"[:-]cloud$", model, re.IGNORECASE):
        raise ModelNotLocal


def _json(response: httpx.Response) -> Any:
    if response.status_code != 200:
        raise reported(response.status_code, response.text)
    return response.json()


def _entry(model: Mapping[str, Any]) -> Entry:
    return Entry(
        name=str(model["name"]),
        digest=str(model.get("digest") or ""),
        size=int(model.get("size") or 0),
        quantisation=str((model.get("details") or {}).get("quantization_level") or ""),
        remote=bool(model.get("remote_host") or model.get("remote_model")),
    )


def _facts(said: Mapping[str, Any]) -> Facts:
    info = said.get("model_info") or {}
    contexts = [int(n) for key, n in info.items() if key.endswith(".context_length")]
    return Facts(
        capabilities=frozenset(said.get("capabilities") or ()),
        context_tokens=contexts[0] if contexts else 0,
        remote=bool(said.get("remote_host") or said.get("remote_model")),
        system=str(said.get("system") or ""),
        template=str(said.get("template") or ""),
    )
