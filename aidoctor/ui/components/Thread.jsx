// The turns of one conversation. Follows the newest words only while the reader is at the bottom.
import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { Answer } from "./Answer.jsx";
import { pictureAddress } from "./backend.js";
import { on, tell } from "./desk.js";
import { Icon } from "./icons.jsx";
import { Lightbox } from "./Lightbox.jsx";
import { Question } from "./Question.jsx";
import "./theme.css";
import "./thread.css";

const NEAR = 48;

function sameValue(a, b) {
  return a === b || (typeof a === "object" && JSON.stringify(a) === JSON.stringify(b));
}

// Every state delta brings new objects; a turn that says the same keeps its old one, so that 500
// turns are not drawn again for the sake of one.
function useStable(turns) {
  const last = useRef(new Map());
  const next = new Map();
  const stable = turns.map((turn) => {
    const old = last.current.get(turn.id);
    const kept = old && Object.keys(turn).every((key) => sameValue(old[key], turn[key])) ? old : turn;
    next.set(turn.id, kept);
    return kept;
  });
  last.current = next;
  return stable;
}

/** Scrolls along while at the bottom; tells whether there is more below. */
function useFollowing(scroller, content, conversationId, firstId, lastId) {
  const following = useRef(true);
  const height = useRef({ first: "", value: 0 });
  const [below, setBelow] = useState(false);
  const toEnd = () => {
    following.current = true;
    setBelow(false);
    scroller.current.scrollTop = scroller.current.scrollHeight;
  };

  useLayoutEffect(toEnd, [conversationId, lastId]);
  useLayoutEffect(() => {
    const box = scroller.current;
    const { first, value } = height.current;
    const prepended = first && first !== firstId && !following.current;
    if (prepended) box.scrollTop += box.scrollHeight - value;
    height.current = { first: firstId, value: box.scrollHeight };
  }, [firstId]);

  useEffect(() => {
    const box = scroller.current;
    let top = box.scrollTop;
    const distance = () => box.scrollHeight - box.scrollTop - box.clientHeight;
    const scrolled = () => {
      if (distance() <= NEAR) following.current = true;
      else if (box.scrollTop < top - 1) following.current = false;
      top = box.scrollTop;
      setBelow(!following.current && distance() > NEAR);
    };
    const grown = () => {
      height.current.value = box.scrollHeight;
      if (following.current) box.scrollTop = box.scrollHeight;
      else setBelow(distance() > NEAR);
    };
    const watch = new ResizeObserver(grown);
    watch.observe(content.current);
    watch.observe(box);
    box.addEventListener("scroll", scrolled, { passive: true });
    return () => { watch.disconnect(); box.removeEventListener("scroll", scrolled); };
  }, []);

  return [below, toEnd];
}

function Status() {
  const [words, setWords] = useState("");
  useEffect(() => on("say", setWords), []);
  return <div className="unseen" role="status" aria-live="polite" aria-atomic="true">{words}</div>;
}

const nothing = () => {};

export const Thread = memo(({ conversationId, turns = [], hasEarlier = false, ...events }) => {
  const scroller = useRef(null);
  const content = useRef(null);
  const act = useRef({});
  const [editing, edit] = useState("");
  const [shown, show] = useState(null);
  const stable = useStable(turns);
  const held = stable.some((turn) => turn.status === "streaming");
  const [below, toEnd] = useFollowing(scroller, content, conversationId, stable[0]?.id, stable.at(-1)?.id);

  act.current = {
    onRegenerate: nothing, onEdit: nothing, onBranch: nothing, onContinue: nothing, onAnswered: nothing,
    ...events,
    edit,
    open: (pictures, start) => show({ start, pictures: pictures.map(({ id, name }) => ({ name, src: pictureAddress(id) })) }),
  };
  useEffect(() => on("edit", edit), []);

  return (
    <div className="thread" ref={scroller} role="log" aria-live="off" aria-busy={held} aria-label="Conversation" tabIndex={0}>
      <div className="column" ref={content}>
        {hasEarlier ? (
          <button type="button" className="quiet earlier" onClick={() => events.onEarlier?.()}>Show earlier messages</button>
        ) : null}
        {stable.map((turn, i) => (
          <div key={turn.id} className={i >= stable.length - 2 ? "turn near" : "turn"} data-turn={turn.id}>
            {turn.role === "user"
              ? <Question turn={turn} held={held} editing={editing === turn.id} act={act} />
              : <Answer turn={turn} held={held} pictured={Boolean(stable[i - 1]?.attachments?.length)} act={act} />}
          </div>
        ))}
      </div>
      {below ? (
        <button type="button" className="new-text" onClick={() => { toEnd(); tell("focus"); }}>
          New text <Icon name="down" size={16} />
        </button>
      ) : null}
      <Status />
      {shown ? <Lightbox {...shown} onClose={() => show(null)} /> : null}
    </div>
  );
});
