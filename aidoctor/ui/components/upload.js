// Sends one picture to the attachment route and tells how far it is.
import { backend } from "./backend.js";

const UNREACHED = {
  what: "The picture could not be sent to AI Doctor.",
  fix: "Check that it is still running, then add the picture again.",
};

function answerOf(request) {
  try {
    return JSON.parse(request.responseText);
  } catch {
    return {};
  }
}

/** Starts the upload; `onDone(attachment)` or `onFailed({what, fix})` ends it. Returns its abort. */
export function upload(file, { temporary, onProgress, onDone, onFailed }) {
  const request = new XMLHttpRequest();
  const name = encodeURIComponent(file.name || "picture");
  request.open("POST", backend(`/api/attachments?name=${name}${temporary ? "&temporary=1" : ""}`));
  request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  request.upload.onprogress = ({ loaded, total }) => onProgress(total ? loaded / total : 0);
  request.onload = () => {
    const body = answerOf(request);
    if (request.status === 201 && body.id) onDone(body);
    else onFailed(body.error ?? UNREACHED);
  };
  request.onerror = () => onFailed(UNREACHED);
  request.send(file);
  return () => request.abort();
}

/** Takes back a picture that no message has used. */
export const discard = (id) => fetch(backend(`/api/attachments/${encodeURIComponent(id)}`), { method: "DELETE" }).catch(() => {});
