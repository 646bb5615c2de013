// The box at the bottom: words, pictures, send and stop. What is in it survives a reload, and what
// left it comes back unless the server says that it has it.
import { useEffect, useLayoutEffect, useRef, useState } from "react";
import { newTurnId, on, tell } from "./desk.js";
import { drafts, PATIENCE } from "./drafts.js";
import { Icon, IconButton } from "./icons.jsx";
import { Lightbox } from "./Lightbox.jsx";
import { MOST, Tray, usePictures } from "./Tray.jsx";
import "./theme.css";
import "./composer.css";

const NEW = "new";
const kept = typeof localStorage === "undefined" ? drafts() : drafts(localStorage);
const unwritten = drafts();

const HELD = "The answer is still being written. Stop it or wait; your text stays here.";
const RETURNED = "This message was not received. Here it is again.";
const BLIND = "This model cannot see pictures. It will read your words only.";

const composing = (event) => event.nativeEvent.isComposing || event.keyCode === 229;
const dialogOpen = () => document.querySelector("dialog[open], [role=dialog], [role=alertdialog], [role=menu]") !== null;
const touch = () => matchMedia("(pointer: coarse)").matches;

function useAutoHeight(box, text) {
  useLayoutEffect(() => {
    box.current.style.height = "auto";
    box.current.style.height = `${box.current.scrollHeight}px`;
  }, [text]);
}

/** True while files are dragged over the window; `onFiles` gets what is dropped. */
function useDrop(onFiles) {
  const [over, setOver] = useState(false);
  const take = useRef(onFiles);
  take.current = onFiles;
  useEffect(() => {
    let depth = 0;
    const has = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    const watch = {
      dragenter: (event) => { if (has(event)) { depth += 1; setOver(true); } },
      dragleave: (event) => { if (has(event)) { depth = Math.max(0, depth - 1); setOver(depth > 0); } },
      dragover: (event) => { if (has(event)) event.preventDefault(); },
      drop(event) {
        if (!has(event)) return;
        event.preventDefault();
        depth = 0;
        setOver(false);
        take.current(event.dataTransfer.files);
      },
    };
    Object.entries(watch).forEach(([name, listener]) => window.addEventListener(name, listener));
    return () => Object.entries(watch).forEach(([name, listener]) => window.removeEventListener(name, listener));
  }, []);
  return over;
}

/** Escape stops the running answer wherever the focus is, unless something is open above the page. */
function useStopKey(answering, onStop) {
  const now = useRef({});
  now.current = { answering, onStop };
  useEffect(() => {
    const key = (event) => {
      if (event.key !== "Escape" || event.defaultPrevented || !now.current.answering || dialogOpen()) return;
      event.preventDefault();
      now.current.onStop();
    };
    document.addEventListener("keydown", key);
    return () => document.removeEventListener("keydown", key);
  }, []);
}

/** Messages that left the box: forgotten once accepted, given back when nobody took them. */
function useReturns(store, conversation, accepted, giveBack) {
  const [sends, setSends] = useState(0);
  const back = useRef(giveBack);
  back.current = giveBack;
  useEffect(() => { if (accepted) store.accepted(accepted); }, [accepted]);
  useEffect(() => {
    const timers = store.waiting(conversation).map((message) => setTimeout(() => {
      if (store.accepted(message.id)) back.current(message);
    }, Math.max(0, message.at + PATIENCE - Date.now())));
    return () => timers.forEach(clearTimeout);
  }, [sends, accepted, conversation]);
  return () => setSends((count) => count + 1);
}

// The first message of a conversation is sent from the page without an address; what was typed
// there since then moves along.
function firstDraft(store, conversation, accepted) {
  const message = accepted ? store.accepted(accepted) : null;
  const own = store.load(conversation);
  if (message?.conversation !== NEW || conversation === NEW || own.text) return own;
  const moved = store.load(NEW);
  store.save(NEW, null);
  return moved;
}

function Box({ store, conversation, temporary, answering, accepted, sees, engineReady, lastUser, onSend, onStop, onEditLast }) {
  const [initial] = useState(() => firstDraft(store, conversation, accepted));
  const [text, setText] = useState(initial.text);
  const [sentence, say] = useState("");
  const [open, setOpen] = useState(null);
  const [stopping, setStopping] = useState("");
  const again = useRef(initial.again ?? null);
  const box = useRef(null);
  const files = useRef(null);
  const tray = usePictures(initial.pictures, temporary);
  const over = useDrop((dropped) => tray.add(dropped));

  useAutoHeight(box, text);
  useEffect(() => store.save(conversation, { text, pictures: tray.ready, again: again.current }), [text, tray.pictures]);
  useEffect(() => { if (!touch()) box.current.focus(); }, []);
  useEffect(() => on("focus", () => box.current.focus()), []);
  useEffect(() => on("fill", (words) => { setText(words); box.current.focus(); }), []);
  useEffect(() => { if (!answering) say((now) => (now === HELD ? "" : now)); }, [answering]);

  const stop = () => {
    if (!answering || stopping === answering) return;
    setStopping(answering);
    onStop(answering);
    box.current.focus();
  };
  useStopKey(answering, stop);

  const watchReturns = useReturns(store, conversation, accepted, (message) => {
    again.current = { id: message.id, text: message.text };
    setText((now) => [message.text, now].filter(Boolean).join("\n\n"));
    if (message.pictures.length) tray.replace(message.pictures);
    say(RETURNED);
  });

  function obstacle() {
    if (answering) return HELD;
    if (tray.pictures.some((picture) => picture.state === "sending" || picture.state === "reading")) return "The picture is still on its way.";
    if (tray.pictures.some((picture) => picture.state === "failed")) return "Remove the picture that could not be used first.";
    return "";
  }

  function send() {
    const words = text.trim();
    if (!words && !tray.pictures.length) return;
    const why = obstacle();
    say(why);
    if (why) return;
    const id = again.current?.text === words ? again.current.id : newTurnId();
    store.sending(id, { conversation, text: words, pictures: tray.ready, at: Date.now() });
    again.current = null;
    onSend(id, words, tray.ready.map((picture) => picture.id));
    setText("");
    tray.replace([]);
    watchReturns();
    box.current.focus();
  }

  function key(event) {
    if (composing(event)) return;
    if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      send();
    } else if (event.key === "ArrowUp" && !text && lastUser?.id && !answering) {
      event.preventDefault();
      tell("edit", lastUser.id);
      onEditLast?.();
    }
  }

  function paste(event) {
    const pasted = [...event.clipboardData.files];
    if (!pasted.length) return;
    event.preventDefault();
    tray.add(pasted);
  }

  const blind = sees === "no" && tray.pictures.length > 0;
  const shown = tray.pictures.filter((picture) => picture.state === "ready");
  return (
    <form className={over ? "composer over" : "composer"} onSubmit={(event) => { event.preventDefault(); send(); }}>
      {over ? <p className="drop" aria-hidden="true">Drop up to {MOST} pictures here</p> : null}
      <Tray tray={tray} onOpen={(picture) => setOpen(shown.indexOf(picture))} />
      {blind ? <p className="sentence wrong" role="status">{BLIND}</p> : null}
      <div className="composer-row">
        <IconButton icon="picture" label="Add pictures" onClick={() => files.current.click()} />
        <input ref={files} type="file" hidden multiple accept="image/*,.heic,.heif,.tif,.tiff"
          onChange={(event) => { tray.add([...event.target.files]); event.target.value = ""; }} />
        <textarea ref={box} rows={1} value={text} aria-label="Your message" placeholder="Describe what you feel, or ask a question"
          enterKeyHint="send" onChange={(event) => { setText(event.target.value); say(""); }} onKeyDown={key} onPaste={paste} />
        {answering
          ? <IconButton key="stop" icon="stop" className="firm" label={stopping === answering ? "Stopping…" : "Stop (Esc)"} onClick={stop} />
          : <IconButton key="send" icon="send" className="firm" label="Send (Enter)" type="submit" disabled={!text.trim() && !tray.pictures.length} />}
      </div>
      <p className="sentence" role="status">{sentence || (engineReady ? "" : "The model is not ready yet. What you send is kept and can be answered later.")}</p>
      {open === null ? null : (
        <Lightbox start={open} pictures={shown.map(({ name, src }) => ({ name, src }))} onClose={() => setOpen(null)} />
      )}
    </form>
  );
}

export function Composer({ conversationId = "", temporary = false, answering = "", accepted = "", sees = "unknown", engineReady = true, ...rest }) {
  const store = temporary ? unwritten : kept;
  const conversation = conversationId || NEW;
  return (
    <Box key={`${conversation}${temporary ? "·" : ""}`} store={store} conversation={conversation} temporary={temporary} answering={answering}
      accepted={accepted} sees={sees} engineReady={engineReady} {...rest} />
  );
}
