// An assistant turn: its words as they come from the answer route, why it waits, how it ended.
import { memo, useEffect, useReducer, useRef, useState } from "react";
import { flushSync } from "react-dom";
import { backend } from "./backend.js";
import { cadence } from "./cadence.js";
import { CopyButton, copyRich } from "./CopyButton.jsx";
import { tell } from "./desk.js";
import { Icon, IconButton } from "./icons.jsx";
import { Markdown } from "./Markdown.jsx";
import { follow, newAnswer } from "./stream.js";
import { Siblings } from "./Siblings.jsx";
import { waitingWords } from "./waiting.js";

const TITLE = "Answer ready · ";

// What was read so far outlives the component, so that coming back to a conversation resumes.
const answers = new Map();

function answerOf(id, kept) {
  if (!answers.has(id)) {
    const { text, thought } = kept;
    answers.set(id, { ...newAnswer(), text, thought, n: [...text].length, m: [...thought].length });
  }
  return answers.get(id);
}

function announceInTitle() {
  if (!document.hidden || document.title.startsWith(TITLE)) return;
  document.title = TITLE + document.title;
  const back = () => {
    if (document.hidden) return;
    document.removeEventListener("visibilitychange", back);
    if (document.title.startsWith(TITLE)) document.title = document.title.slice(TITLE.length);
  };
  document.addEventListener("visibilitychange", back);
}

/** The answer's text and state, kept up to date while `turn.live`. */
function useAnswer(turn, onEnd) {
  const [, draw] = useReducer((count) => count + 1, 0);
  const [run, again] = useReducer((count) => count + 1, 0);
  const kept = useRef({ text: "", thought: "" });
  const status = useRef(turn.status);
  const ended = useRef(onEnd);
  ended.current = onEnd;
  if (!turn.live) kept.current = { text: turn.text, thought: turn.thought };
  const answer = turn.live ? answerOf(turn.id, kept.current) : null;

  useEffect(() => {
    const resumed = status.current !== "streaming" && turn.status === "streaming" && answer?.end;
    status.current = turn.status;
    if (!resumed) return;
    Object.assign(answer, { end: "", error: null });
    again();
  }, [turn.status]);

  useEffect(() => {
    if (!turn.live) { answers.delete(turn.id); return undefined; }
    if (answer.end) { if (status.current === "streaming") ended.current(answer); return undefined; }
    const gone = new AbortController();
    const beat = cadence(() => flushSync(draw));
    const address = (n, m) => backend(`/api/answers/${turn.id}?text=${n}&thought=${m}`);
    follow(answer, { address, signal: gone.signal, onChange: beat.poke }).then(() => {
      if (gone.signal.aborted) return;
      beat.flush();
      announceInTitle();
      ended.current(answer);
    });
    return () => { gone.abort(); beat.stop(); };
  }, [turn.id, turn.live, run]);

  return answer;
}

function Waiting({ answer, pictured }) {
  const began = useRef(performance.now());
  const [, tick] = useReducer((count) => count + 1, 0);
  useEffect(() => {
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, []);
  const now = performance.now();
  const { stage, stageAt, lostAt } = answer;
  const times = { elapsed: now - stageAt, waited: now - began.current, pictured, lost: lostAt ? now - lostAt : 0 };
  const part = stage?.total > 0 ? Math.min(1, stage.done / stage.total) : null;
  return (
    <div className="waiting">
      <p>{waitingWords(stage, times)}</p>
      {part === null ? null : <progress value={part} max="1" aria-label="Progress" />}
    </div>
  );
}

function Thought({ text, thinking }) {
  const [open, setOpen] = useState(false);
  return (
    <details className="thought" onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{thinking ? "Thinking it over…" : "What the model thought first"}</summary>
      {open ? <div className="thought-text">{text}</div> : null}
    </details>
  );
}

function ErrorCard({ error, partial, act, id }) {
  return (
    <div className="error-card" role="alert">
      <p className="what">{error.what || "The answer could not be finished."}</p>
      <p>{error.fix}</p>
      <div className="choices">
        {partial ? <button type="button" className="quiet" onClick={() => act.current.onContinue(id)}>Continue</button> : null}
        <button type="button" className="quiet" onClick={() => act.current.onRegenerate(id)}>Try again</button>
      </div>
      {error.code ? <p className="small-print">Code: {error.code}</p> : null}
    </div>
  );
}

const BROKEN_OFF = {
  stopped: "You stopped this answer.",
  interrupted: "This answer was interrupted before its end.",
};

function Ending({ status, error, text, act, id, held }) {
  if (status === "failed") return <ErrorCard error={error} partial={Boolean(text)} act={act} id={id} />;
  if (!(status in BROKEN_OFF)) return null;
  return (
    <p className="broken-off">
      <span>{BROKEN_OFF[status]}</span>
      <button type="button" className="quiet" disabled={held}
        onClick={() => (text ? act.current.onContinue(id) : act.current.onRegenerate(id))}>
        <Icon name="go" size={16} /> {text ? "Continue" : "Try again"}
      </button>
    </p>
  );
}

export const Answer = memo(({ turn, pictured, held, act }) => {
  const page = useRef(null);
  const answer = useAnswer(turn, (ended) => {
    act.current.onAnswered(turn.id, ended.end);
    const words = ended.end === "complete" ? `The answer is complete. ${page.current?.innerText ?? ""}` : "";
    tell("say", words || (ended.end === "stopped" ? "The answer was stopped." : ""));
  });
  const { text, thought } = answer ?? turn;
  const status = answer ? answer.end || "streaming" : turn.status;
  const error = answer?.error ?? { code: turn.error_code, what: turn.error_what, fix: turn.error_fix };
  const running = status === "streaming";
  useEffect(() => { if (running) tell("say", "The doctor is answering."); }, [running]);
  return (
    <article className={running ? "answer running" : "answer"} aria-busy={running} aria-label="The doctor">
      {thought ? <Thought text={thought} thinking={running && !text} /> : null}
      <div ref={page} className="answer-text"><Markdown text={text} /></div>
      {running && answer && (!text || answer.lostAt) ? <Waiting answer={answer} pictured={pictured} /> : null}
      <Ending status={status} error={error} text={text} act={act} id={turn.id} held={held} />
      {running ? null : (
        <footer className="turn-foot">
          <div className="actions">
            <Siblings turn={turn} act={act} held={held} />
            {text ? <CopyButton label="Copy the answer" copy={() => copyRich(text, page.current)} /> : null}
            <IconButton icon="again" label="Ask again" disabled={held} onClick={() => act.current.onRegenerate(turn.id)} />
          </div>
          <p className="small-print">{[turn.model, ...(turn.notes ?? [])].filter(Boolean).join(" · ")}</p>
        </footer>
      )}
    </article>
  );
}, (before, after) => before.turn === after.turn && before.pictured === after.pictured && before.held === after.held);
