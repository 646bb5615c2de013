// A turn of the person: their words as they wrote them, their pictures, and editing in place.
import { memo, useEffect, useLayoutEffect, useRef, useState } from "react";
import { pictureAddress } from "./backend.js";
import { CopyButton } from "./CopyButton.jsx";
import { newTurnId, tell } from "./desk.js";
import { IconButton } from "./icons.jsx";
import { Siblings } from "./Siblings.jsx";

function Pictures({ pictures, onOpen }) {
  if (!pictures?.length) return null;
  return (
    <ul className="pictures" aria-label="Pictures">
      {pictures.map((picture, i) => (
        <li key={picture.id}>
          <button type="button" onClick={() => onOpen(pictures, i)} aria-label={`Open ${picture.name || "picture"}`}>
            <img src={pictureAddress(picture.id)} alt="" loading="lazy" width={picture.width || undefined} height={picture.height || undefined} />
          </button>
          {picture.notice ? <p className="small-print">{picture.notice}</p> : null}
        </li>
      ))}
    </ul>
  );
}

function Editor({ turn, held, act, onClose }) {
  const [text, setText] = useState(turn.text);
  const box = useRef(null);
  useEffect(() => {
    box.current.focus();
    box.current.setSelectionRange(turn.text.length, turn.text.length);
  }, []);
  useLayoutEffect(() => {
    box.current.style.height = "auto";
    box.current.style.height = `${box.current.scrollHeight}px`;
  }, [text]);
  const save = () => {
    if (held || !text.trim()) return;
    act.current.onEdit(turn.id, newTurnId(), text.trim());
    onClose();
  };
  const key = (event) => {
    if (event.nativeEvent.isComposing || event.keyCode === 229) return;
    if (event.key === "Escape") { event.preventDefault(); event.stopPropagation(); onClose(); }
    if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); save(); }
  };
  return (
    <div className="editor">
      <textarea ref={box} value={text} aria-label="Your message" onChange={(event) => setText(event.target.value)} onKeyDown={key} />
      <div className="choices">
        {held ? <span className="small-print">The answer is still being written.</span> : null}
        <button type="button" className="quiet" onClick={onClose}>Cancel</button>
        <button type="button" className="firm" disabled={held || !text.trim()} onClick={save}>Save and send</button>
      </div>
    </div>
  );
}

export const Question = memo(({ turn, held, editing, act }) => {
  const close = () => { act.current.edit(""); tell("focus"); };
  return (
    <article className="question" aria-label="You">
      <div className="question-block">
        <Pictures pictures={turn.attachments} onOpen={act.current.open} />
        {editing
          ? <Editor turn={turn} held={held} act={act} onClose={close} />
          : turn.text ? <p className="question-text">{turn.text}</p> : null}
      </div>
      {editing ? null : (
        <footer className="turn-foot">
          <div className="actions">
            <Siblings turn={turn} act={act} held={held} />
            {turn.text ? <CopyButton label="Copy your message" copy={() => navigator.clipboard.writeText(turn.text)} /> : null}
            <IconButton icon="edit" label="Edit and send again" disabled={held} onClick={() => act.current.edit(turn.id)} />
          </div>
        </footer>
      )}
    </article>
  );
}, (before, after) => before.turn === after.turn && before.held === after.held && before.editing === after.editing);
