// A title that is written where it stands: Enter or leaving the field keeps it, Escape does not.
import { useEffect, useRef } from "react";
import "./theme.css";

// A menu that has just closed takes the focus back to its button within this many milliseconds.
const SETTLED = 500;

/** `onDone` is told the new title, or an empty text when nothing is to change. */
export function Naming({ title = "", label = "Title", onDone }) {
  const field = useRef(null);
  const born = useRef(Date.now());
  const over = useRef(false);
  useEffect(() => { field.current.focus(); field.current.select(); }, []);

  const done = (words) => {
    if (over.current) return;
    over.current = true;
    onDone(words.trim() === title ? "" : words.trim());
  };
  const key = (event) => {
    if (event.nativeEvent.isComposing) return;
    if (event.key === "Enter") done(field.current.value);
    else if (event.key === "Escape") done("");
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  const left = () => {
    if (Date.now() - born.current > SETTLED) done(field.current.value);
    else setTimeout(() => field.current?.focus(), 0);
  };
  return (
    <input ref={field} className="field naming" defaultValue={title} aria-label={label} maxLength={120}
      enterKeyHint="done" onKeyDown={key} onBlur={left} />
  );
}
