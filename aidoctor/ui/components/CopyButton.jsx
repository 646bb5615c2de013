// Copying, with a word that it worked.
import { useEffect, useState } from "react";
import { tell } from "./desk.js";
import { IconButton } from "./icons.jsx";

/** Copies an answer as Markdown and, for programs that take it, as formatted text. */
export async function copyRich(markdown, element) {
  const copy = element.cloneNode(true);
  copy.querySelectorAll(".code-bar, .unseen, svg").forEach((node) => node.remove());
  const blob = (text, type) => new Blob([text], { type });
  try {
    await navigator.clipboard.write([new ClipboardItem({
      "text/plain": blob(markdown, "text/plain"),
      "text/html": blob(copy.innerHTML, "text/html"),
    })]);
  } catch {
    await navigator.clipboard.writeText(markdown);
  }
}

/** Copies on click and says so for two seconds. */
export function CopyButton({ copy, label }) {
  const [done, setDone] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => setDone(false), 2000);
    return () => clearTimeout(timer);
  }, [done]);
  const click = () => copy().then(() => { setDone(true); tell("say", "Copied."); }, () => tell("say", "Copying was not allowed."));
  return <IconButton icon={done ? "check" : "copy"} label={done ? "Copied" : label} onClick={click} />;
}
