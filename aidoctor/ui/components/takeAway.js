// Saves a conversation as a file; the browser asks the person where.
import { backend } from "./backend.js";

/** `kind` is "md" to read or "json" to bring back. */
export function takeAway(conversation, kind) {
  const link = document.createElement("a");
  link.href = backend(`/api/conversations/${encodeURIComponent(conversation)}/export.${kind}`);
  link.download = "";
  link.click();
}
