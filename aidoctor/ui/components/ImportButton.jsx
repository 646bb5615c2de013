// Reads an exported conversation back in and goes to it.
import { useRef, useState } from "react";
import { backend } from "./backend.js";
import "./theme.css";

export function ImportButton() {
  const file = useRef(null);
  const [wrong, say] = useState("");
  async function take(event) {
    const chosen = event.target.files[0];
    event.target.value = "";
    if (!chosen) return;
    try {
      const answer = await fetch(backend("/api/conversations/import"), { method: "POST", body: chosen });
      const told = await answer.json();
      if (answer.ok) window.location.assign(`/c/${told.id}`);
      else say(`${told.error.what} ${told.error.fix}`);
    } catch {
      say("The file could not be sent. Try again.");
    }
  }
  return (
    <>
      <button type="button" className="plain-link" onClick={() => file.current.click()}>Import a conversation</button>
      <input ref={file} type="file" hidden accept="application/json,.json" onChange={take} />
      <p className="sentence wrong" role="status">{wrong}</p>
    </>
  );
}
