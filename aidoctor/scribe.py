"""Writes one answer down: builds the prompt, listens to the engine, saves what it hears.

Every way to end (done, stopped, failed, shut down) passes through `write`, which stores the text
before it tells the readers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace

from aidoctor import modelfile, prompts
from aidoctor.answer import Answer, End
from aidoctor.clocks import on_time
from aidoctor.domain import (
    Done,
    Message,
    Progress,
    Provenance,
    Role,
    Turn,
    TurnStatus,
)
from aidoctor.engines import Engines
from aidoctor.errors import AIDoctorError
from aidoctor.ports import LanguageModel, ModelShelf
from aidoctor.settings import Settings
from aidoctor.store import Store

SAVE_EVERY = 1.0
"""Seconds between two saves of a growing answer: the most that a crash can lose."""

TOKENS_A_TURN = 64
"""A prompt is made from no more turns than the context has room for at this size."""

NEAR = 0.7
"""Part of the budget from which on the engine itself counts."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Prompt:
    messages: list[Message]
    tokens: int


class Scribe:
    """Lets the engine answer, so many at a time, and keeps what it says."""

    def __init__(self, settings: Settings, engines: Engines) -> None:
        self._settings = settings
        self._engines = engines
        self._desk = asyncio.Semaphore(settings.parallel_answers)
        self._gauges: dict[str, prompts.Gauge] = {}
        self.closing = False
        """The program ends: what is cut off now was interrupted, not stopped by the person."""

    async def write(self, answer: Answer, user: Turn, store: Store) -> None:
        """Answer `user` into `answer`, whose turn the store has, until its end."""
        began = time.monotonic()
        saving = asyncio.create_task(_save_regularly(answer, store))
        try:
            await self._listen(answer, user, store)
            end = End(TurnStatus.COMPLETE)
        except asyncio.CancelledError:
            end = End(TurnStatus.INTERRUPTED if self.closing else TurnStatus.STOPPED)
        except AIDoctorError as error:
            end = End(TurnStatus.FAILED, error.code)
        except Exception as error:
            log.error("an answer failed: %s", type(error).__name__)
            end = End(TurnStatus.FAILED, AIDoctorError.code)
        saving.cancel()
        if answer.provenance:
            seconds = round(time.monotonic() - began, 1)
            answer.provenance = replace(answer.provenance, seconds=seconds)
        await _finish(answer, store, end)

    async def _listen(self, answer: Answer, user: Turn, store: Store) -> None:
        if self._desk.locked():
            answer.write(Progress("waiting"))
        async with self._desk:
            engine, model = await self._engines.current()
            prompt = await self._prompt(answer, user, store, engine, model)
            reply = engine.reply(prompt.messages, model=model, think=self._settings.think)
            clocks = {
                "first": self._settings.first_token_timeout,
                "between": self._settings.token_timeout,
            }
            async with aclosing(on_time(reply, **clocks)) as events:
                async for event in events:
                    if isinstance(event, Done):
                        self._note(answer, prompt, model, event)
                    else:
                        answer.write(event)

    async def _prompt(
        self, answer: Answer, user: Turn, store: Store, engine: LanguageModel, model: str
    ) -> _Prompt:
        card = await self._engines.card()
        sees = card is None or card.sees is not False
        system = modelfile.system()
        context = self._settings.context_tokens or modelfile.num_ctx()
        branch = await asyncio.to_thread(store.branch, user.id, context // TOKENS_A_TURN)
        if answer.text:
            branch.append(replace(user, role=Role.ASSISTANT, text=answer.text, attachments=()))
        gauge = self._gauges.setdefault(model, prompts.Gauge())
        limit = prompts.budget(context, self._settings.answer_tokens)
        await _count(engine, model, gauge, [system, *(turn.text for turn in branch)], limit)
        fit = prompts.fit(
            system,
            branch,
            limit=limit,
            count=gauge.count,
            picture_tokens=engine.picture_tokens,
            sees=sees,
        )
        pictured = sees and any(turn.attachments for turn in fit.turns)
        pictures = await asyncio.to_thread(_pictures, store, fit.turns) if pictured else {}
        answer.provenance = Provenance(
            engine=engine.name,
            model=model,
            left_out=fit.left_out + (len(branch) >= context // TOKENS_A_TURN),
            pictures_unseen=fit.unseen,
            prompt_tokens=fit.tokens,
            context_tokens=context,
        )
        context_of = prompts.messages(system, fit.turns, pictures)
        return _Prompt(context_of, fit.tokens)

    def _note(self, answer: Answer, prompt: _Prompt, model: str, done: Done) -> None:
        self._gauges[model].learn(prompt.tokens, done.prompt_tokens)
        if answer.provenance:
            answer.provenance = replace(
                answer.provenance,
                prompt_tokens=done.prompt_tokens or prompt.tokens,
                answer_tokens=done.answer_tokens,
                cut=done.reason == "length",
            )


async def _count(
    engine: LanguageModel, model: str, gauge: prompts.Gauge, texts: list[str], limit: int
) -> None:
    """Let the engine count where estimates come near the limit; far from it they are enough."""
    if not isinstance(engine, ModelShelf) or sum(map(gauge.count, texts)) < NEAR * limit:
        return
    reach = 2 * limit
    for text in [texts[0], *reversed(texts[1:])]:
        if not gauge.knows(text):
            tokens = await engine.count_tokens(text, model=model)
            if tokens is None:
                return
            gauge.know(text, tokens)
        reach -= gauge.count(text)
        if reach < 0:
            return


async def _save_regularly(answer: Answer, store: Store) -> None:
    saved = answer.size
    while True:
        await asyncio.sleep(SAVE_EVERY)
        if answer.size != saved:
            saved = answer.size
            with suppress(AIDoctorError):
                await asyncio.to_thread(
                    store.save_partial, answer.turn_id, answer.text, answer.thought
                )


async def _finish(answer: Answer, store: Store, end: End) -> None:
    """Store the answer, then let its readers go; a store that fails is said, not hidden."""
    try:
        await asyncio.to_thread(
            store.finish,
            answer.turn_id,
            text=answer.text,
            thought=answer.thought,
            status=end.status,
            provenance=answer.provenance,
            error=end.error,
        )
    except AIDoctorError as error:
        end = End(TurnStatus.FAILED, error.code)
    answer.finish(end)


def _pictures(store: Store, turns: tuple[Turn, ...]) -> dict[str, bytes]:
    return {a.id: store.attachment_model(a.id) for turn in turns for a in turn.attachments}
