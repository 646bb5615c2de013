// The keys that work anywhere on the page, and the list of them.
import { useEffect, useRef, useState } from "react";
import "./theme.css";

const KEYS = [
  ["Enter", "send"],
  ["Shift + Enter", "new line"],
  ["Esc", "stop the answer"],
  ["↑ in an empty box", "edit your last message"],
  ["Ctrl + K", "search the history"],
  ["Ctrl + Shift + O", "new conversation"],
  ["?", "this list"],
];

const OFF = "aidoctor:single-keys-off";
const singleKeys = () => localStorage.getItem(OFF) === null;

const writing = (target) => target.closest?.("input, textarea, select, [contenteditable=true]");

function search() {
  const history = document.getElementById("history");
  if (history && !history.checkVisibility()) history.showPopover();
  document.getElementById("search")?.focus();
}

export function Keys({ onNew }) {
  const list = useRef(null);
  const anew = useRef(onNew);
  anew.current = onNew;
  useEffect(() => {
    const key = (event) => {
      const command = event.ctrlKey || event.metaKey;
      const letter = event.key.toLowerCase();
      if (command && !event.shiftKey && letter === "k") search();
      else if (command && event.shiftKey && letter === "o") anew.current?.();
      else if (event.key === "?" && !command && singleKeys() && !writing(event.target)) list.current.showModal();
      else return;
      event.preventDefault();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
  return (
    <dialog ref={list} className="keys" aria-labelledby="keys-title">
      <h2 id="keys-title">Keys</h2>
      <dl>{KEYS.map(([keys, what]) => <div key={keys}><dt>{keys}</dt><dd>{what}</dd></div>)}</dl>
      <button type="button" className="quiet" onClick={() => list.current.close()}>Close</button>
    </dialog>
  );
}

/** Switches off the keys that act alone, for those who speak to their machine or press by accident. */
export function KeysSwitch() {
  const [on, set] = useState(singleKeys);
  const turn = (event) => {
    if (event.target.checked) localStorage.removeItem(OFF);
    else localStorage.setItem(OFF, "yes");
    set(event.target.checked);
  };
  return (
    <label className="way">
      <input type="checkbox" checked={on} onChange={turn} />
      The key ? shows the list of keys
    </label>
  );
}
