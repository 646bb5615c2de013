"""An Ollama server for tests: its wire to the letter over a real socket, a real engine behind it.

What it does is what Ollama 0.33 does (server/routes.go, prompt.go, template.go, create.go): it
renders the model's own Go template, marks pictures, cuts history to the context, finds the marks
of thoughts in the template, answers in NDJSON, and stops when the reader leaves. `fail_next` lets
the next request to a path go wrong in any way a server can.
"""

from __future__ import annotations

import hashlib
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx

from aidoctor.adapters import llamacpp_child
from tests.kit import go_template

STOCK_TEMPLATE = """{{- range $i, $_ := .Messages }}
{{- $last := eq (len (slice $.Messages $i)) 1 }}
{{- if or (eq .Role "user") (eq .Role "system") }}<start_of_turn>user
{{ .Content }}<end_of_turn>
{{ if $last }}<start_of_turn>model
{{ end }}
{{- else if eq .Role "assistant" }}<start_of_turn>model
{{ .Content }}{{ if not $last }}<end_of_turn>
{{ end }}
{{- end }}
{{- end }}"""
PICTURE_TOKENS = 768
STAMP = "2026-11-01T00:00:00.000000Z"


class CutError(Exception):
    """The socket is closed without a word."""


@dataclass
class Trouble:
    """What a request gets instead of its answer: bytes are sent, numbers are seconds of silence.

    `chunked` sends each piece of the body as a chunk; with `cut` the end of the body never comes.
    """

    body: tuple[bytes | float, ...]
    status: int = 200
    kind: str = "application/x-ndjson"
    cut: bool = False


@dataclass
class Model:
    """A model on the server."""

    template: str = STOCK_TEMPLATE
    system: str = ""
    license: str = ""
    parameters: dict[str, Any] = field(default_factory=dict)
    capabilities: tuple[str, ...] = ("completion", "vision")
    size: int = 3_300_000_000
    parent: str = ""
    remote_host: str = ""

    def describe(self, name: str) -> dict[str, Any]:
        remote = {"remote_host": self.remote_host, "remote_model": name} if self.remote_host else {}
        return {
            "name": name,
            "model": name,
            "modified_at": STAMP,
            "size": self.size,
            "digest": hashlib.sha256(f"{name}{self.template}{self.system}".encode()).hexdigest(),
            "details": {
                "parent_model": self.parent,
                "format": "gguf",
                "family": "gemma3",
                "parameter_size": "4.3B",
                "quantization_level": "Q4_K_M",
            },
        } | remote

    @property
    def all_capabilities(self) -> list[str]:
        thinks = ["thinking"] if ".Thinking" in self.template else []
        return [*self.capabilities, *thinks]


class Brain:
    """llama.cpp on the tiny model, in a child process: text in, pieces of text out."""

    def __init__(self, gguf: Path, mmproj: Path, *, context: int = 8192) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", llamacpp_child.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        order = {"gguf": str(gguf), "mmproj": str(mmproj), "alias": "brain", "key": "kit"}
        order |= {"context": context, "slots": 2, "threads": 1}
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self.url = self._process.stdout.readline().strip()
        self.key = "kit"
        self._http = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self.key}"},
            limits=httpx.Limits(max_keepalive_connections=0),
            trust_env=False,
            timeout=60,
        )
        props = self._http.get("/props").json()
        self._marker = props["media_marker"]

    def close(self) -> None:
        assert self._process.stdin
        self._http.close()
        self._process.stdin.close()
        self._process.wait(10)

    def count(self, text: str) -> int:
        body = {"content": text}
        said = self._http.post("/tokenize", json=body).json()
        return len(said["tokens"])

    def write(
        self, prompt: str, images: list[str], options: Mapping[str, Any]
    ) -> Iterator[dict[str, Any]]:
        for number in range(len(images)):
            prompt = prompt.replace(f"[img-{number}]", self._marker)
        body: dict[str, Any] = {"prompt": prompt}
        if images:
            body["prompt"] = {"prompt_string": prompt, "multimodal_data": images}
        body |= {"stream": True, "n_predict": options.get("num_predict", -1)}
        body |= {"temperature": options.get("temperature", 0.8)}
        with self._http.stream("POST", "/completion", json=body) as response:
            if response.status_code != 200:
                raise RuntimeError(json.loads(response.read())["error"]["message"])
            for line in response.iter_lines():
                if line.startswith("data: "):
                    yield json.loads(line[6:])


class ThoughtParser:
    """Ollama's: the opening mark counts at the start of the answer only."""

    def __init__(self, template: str) -> None:
        around = re.search(r"\}\}([^{}]*)\{\{\s*\.Thinking\s*\}\}([^{}]*)\{\{", template)
        assert around
        self._open, self._close = around[1].strip(), around[2].strip()
        self._held, self._state = "", "before"

    def feed(self, piece: str) -> tuple[str, str]:
        """(thought, answer) that are certain by now."""
        self._held += piece
        if self._state == "before":
            start = self._held.lstrip()
            if start.startswith(self._open):
                self._held, self._state = start[len(self._open) :].lstrip(), "thinking"
            elif not self._open.startswith(start):
                self._state = "after"
            else:
                return "", ""
        if self._state == "thinking":
            thought, mark, rest = self._held.partition(self._close)
            if mark:
                self._held, self._state = "", "after"
                return thought, rest.lstrip()
            keep = next(
                (n for n in range(len(self._close), 0, -1) if thought.endswith(self._close[:n])), 0
            )
            self._held = thought[len(thought) - keep :]
            return thought[: len(thought) - keep], ""
        said, self._held = self._held, ""
        return "", said


class OllamaServer(ThreadingHTTPServer):
    """The server; `url` is where it listens. Use it as a context manager."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, brain: Brain | None = None, *, port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.brain = brain
        self.version = "0.35.0"
        self.models: dict[str, Model] = {}
        self.library: dict[str, list[int]] = {}
        """What can be pulled: name -> bytes of each layer."""
        self.pull_pause = 0.0
        self.load_seconds = 0.0
        self.loaded: dict[str, int] = {}
        """Name -> num_ctx it was loaded with."""
        self.loads = 0
        self.writing = 0
        self.left = 0
        """How often the reader left before the end."""
        self.prompts: list[str] = []
        self.requests: list[tuple[str, str, dict[str, str], Any]] = []
        self._trouble: dict[str, deque[Trouble]] = {}

    def __enter__(self) -> OllamaServer:
        threading.Thread(target=self.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def fail_next(self, path: str, *troubles: Trouble) -> None:
        self._trouble.setdefault(path, deque()).extend(troubles)

    def trouble(self, path: str) -> Trouble | None:
        waiting = self._trouble.get(path)
        return waiting.popleft() if waiting else None

    def asked(self, path: str) -> list[Any]:
        """The bodies of all requests to `path`."""
        return [body for _, where, _, body in self.requests if where == path]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A reader who left is no news."""

    def load(self, name: str, num_ctx: int) -> None:
        if self.loaded.get(name) != num_ctx:
            time.sleep(self.load_seconds)
            self.loads += 1
            self.loaded[name] = num_ctx


class _Handler(BaseHTTPRequestHandler):
    server: OllamaServer
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self._answer(json.loads(body or b"{}"))

    def _answer(self, body: Any) -> None:
        self.server.requests.append((self.command, self.path, dict(self.headers), body))
        try:
            if trouble := self.server.trouble(self.path):
                return self._suffer(trouble)
            route = getattr(self, "_" + self.path.removeprefix("/api/"), None)
            if not self.path.startswith("/api/") or route is None:
                return self._json({"error": "path not found"}, 404)
            return route(body)
        except (BrokenPipeError, ConnectionResetError):
            self.server.left += 1
            self.close_connection = True
        except CutError:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True

    def _suffer(self, trouble: Trouble) -> None:
        self.send_response(trouble.status)
        self.send_header("Content-Type", trouble.kind)
        self.send_header("Location", "http://127.0.0.1:1/")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for step in trouble.body:
            if isinstance(step, bytes):
                self._chunk(step)
            else:
                time.sleep(step)
        if trouble.cut:
            raise CutError
        self._chunk(b"")

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def _json(self, value: Any, status: int = 200) -> None:
        data = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _begin(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/x-ndjson")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()

    def _line(self, value: Any) -> None:
        self._chunk(json.dumps(value, ensure_ascii=False).encode() + b"\n")

    def _version(self, _: Any) -> None:
        self._json({"version": self.server.version})

    def _tags(self, _: Any) -> None:
        described = [model.describe(name) for name, model in self.server.models.items()]
        self._json({"models": described})

    def _ps(self, _: Any) -> None:
        known = self.server.models
        running = [
            known[name].describe(name) | {"size_vram": 0, "context_length": context}
            for name, context in self.server.loaded.items()
        ]
        self._json({"models": running})

    def _show(self, body: Any) -> None:
        model = self._model(body["model"])
        if model:
            self._json(
                {
                    "license": model.license,
                    "template": model.template,
                    "system": model.system,
                    "details": model.describe(body["model"])["details"],
                    "model_info": {"gemma3.context_length": 131072},
                    "capabilities": model.all_capabilities,
                    "modified_at": STAMP,
                }
                | ({"remote_host": model.remote_host} if model.remote_host else {})
            )

    def _model(self, name: str) -> Model | None:
        full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        model = self.server.models.get(full)
        if model is None:
            self._json({"error": f"model '{name}' not found"}, 404)
        return model

    def _create(self, body: Any) -> None:
        base = self.server.models.get(body["from"])
        if base is None:
            return self._json({"error": "pull model manifest: file does not exist"}, 400)
        self.server.models[body["model"]] = Model(
            template=body.get("template") or base.template,
            system=body.get("system") or base.system,
            license=body.get("license") or base.license,
            parameters=base.parameters | (body.get("parameters") or {}),
            capabilities=base.capabilities,
            size=base.size,
            parent=body["from"],
        )
        return self._json({"status": "success"})

    def _pull(self, body: Any) -> None:
        name = body["model"]
        self._begin()
        self._line({"status": "pulling manifest"})
        if name not in self.server.library:
            self._line({"error": "pull model manifest: file does not exist"})
            return self._chunk(b"")
        for number, size in enumerate(self.server.library[name]):
            digest = f"sha256:{number:064x}"
            for quarter in range(5):
                time.sleep(self.server.pull_pause)
                line = {"status": f"pulling {digest[7:19]}", "digest": digest, "total": size}
                self._line(line | ({"completed": size * quarter // 4} if quarter else {}))
        for status in ("verifying sha256 digest", "writing manifest"):
            self._line({"status": status})
        self.server.models[name] = Model(size=sum(self.server.library[name]))
        self._line({"status": "success"})
        return self._chunk(b"")

    def _chat(self, body: Any) -> None:
        model = self._model(body["model"])
        if model is None:
            return None
        options = model.parameters | (body.get("options") or {})
        name = body["model"] if ":" in body["model"] else body["model"] + ":latest"
        self.server.load(name, options.get("num_ctx", 4096))
        if not body.get("messages"):
            return self._json(self._part("", done=True, done_reason="load"))
        if body.get("think") and "thinking" not in model.all_capabilities:
            text = f'"{body["model"]}" does not support thinking'
            return self._json({"error": text}, 400)
        prompt, images = self._prompt(model, body, int(options.get("num_ctx", 4096)))
        self.server.prompts.append(prompt)
        return self._write(model, body, prompt, images, options)

    def _prompt(self, model: Model, body: Any, num_ctx: int) -> tuple[str, list[str]]:
        """Ollama's chatPrompt: system first, the oldest dropped until it fits, pictures marked."""
        messages = body["messages"]
        if messages[0]["role"] != "system" and model.system:
            messages = [{"role": "system", "content": model.system}, *messages]
        for start in range(len(messages)):
            rest = messages[start:]
            kept = [m for m in messages[:start] if m["role"] == "system"] + rest
            prompt, images = self._render(model, kept, body.get("think"))
            assert self.server.brain
            cost = self.server.brain.count(prompt) + PICTURE_TOKENS * len(images)
            if cost <= num_ctx or start == len(messages) - 1:
                break
        return prompt, images

    def _render(self, model: Model, messages: list[Any], think: object) -> tuple[str, list[str]]:
        images: list[str] = []
        turns: list[dict[str, str]] = []
        for message in messages:
            marks = ""
            for image in message.get("images") or ():
                marks += f"[img-{len(images)}]"
                images.append(image)
            text = marks + message["content"]
            if turns and turns[-1]["Role"] == message["role"]:
                turns[-1]["Content"] += "\n\n" + text
            else:
                thinking = message.get("thinking", "")
                turns.append({"Role": message["role"], "Content": text, "Thinking": thinking})
        system = "\n\n".join(turn["Content"] for turn in turns if turn["Role"] == "system")
        data = {"Messages": turns, "System": system, "Think": bool(think), "Tools": []}
        return go_template.render(model.template, data), images

    def _part(self, content: str, *, done: bool = False, **more: Any) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        if thinking := more.pop("thinking", ""):
            message["thinking"] = thinking
        part = {"model": "m", "created_at": STAMP, "message": message, "done": done}
        return part | more

    def _write(
        self, model: Model, body: Any, prompt: str, images: list[str], options: Mapping[str, Any]
    ) -> None:
        parser = ThoughtParser(model.template) if body.get("think") else None
        assert self.server.brain
        pieces = self.server.brain.write(prompt, images, options)
        self.server.writing += 1
        try:
            begun = False
            for piece in pieces:
                if not begun:
                    begun = True
                    self._begin()
                thought, said = parser.feed(piece["content"]) if parser else ("", piece["content"])
                if thought or said:
                    self._line(self._part(said, thinking=thought))
                if piece["stop"]:
                    self._line(self._last(piece))
            self._chunk(b"")
        except RuntimeError as error:
            self._json({"error": str(error)}, 400)
        finally:
            self.server.writing -= 1
            pieces.close()  # type: ignore[attr-defined]

    def _last(self, piece: Mapping[str, Any]) -> dict[str, Any]:
        return self._part(
            "",
            done=True,
            done_reason="length" if piece["stop_type"] == "limit" else "stop",
            total_duration=1,
            load_duration=1,
            prompt_eval_count=piece["tokens_evaluated"],
            prompt_eval_duration=1,
            eval_count=piece["tokens_predicted"],
            eval_duration=1,
        )
