// Pictures on their way into a message: progress, thumbnail, remove, and why one was refused.
import { useEffect, useReducer, useRef, useState } from "react";
import { pictureAddress } from "./backend.js";
import { Icon, IconButton } from "./icons.jsx";
import { discard, upload } from "./upload.js";

export const MOST = 4;
const SHOWN_BY_BROWSERS = /^image\/(png|jpeg|webp|gif|bmp)$/;

const restored = (picture) => ({ ...picture, key: picture.id, state: "ready", src: pictureAddress(picture.id) });
const kept = ({ id, name, width, height, notice }) => ({ id, name, width, height, notice });

function change(pictures, action) {
  if (action.add) return [...pictures, action.add];
  if (action.remove) return pictures.filter((picture) => picture.key !== action.remove);
  if (action.all) return action.all;
  return pictures.map((picture) => (picture.key === action.key ? { ...picture, ...action.now } : picture));
}

/** The pictures of the draft and what can be done with them. `initial` are attachments already sent. */
export function usePictures(initial, temporary) {
  const [pictures, act] = useReducer(change, initial, (given) => given.map(restored));
  const [refusal, setRefusal] = useState("");
  const aborts = useRef(new Map());
  useEffect(() => () => aborts.current.forEach((abort) => abort()), []);

  function add(file) {
    const key = crypto.randomUUID?.() ?? String(Math.random());
    const src = SHOWN_BY_BROWSERS.test(file.type) ? URL.createObjectURL(file) : "";
    act({ add: { key, name: file.name || "picture", state: "sending", progress: 0, src } });
    aborts.current.set(key, upload(file, {
      temporary,
      onProgress: (progress) => act({ key, now: { progress, state: progress < 1 ? "sending" : "reading" } }),
      onDone: (attachment) => act({ key, now: { ...attachment, state: "ready", src: pictureAddress(attachment.id) } }),
      onFailed: (error) => act({ key, now: { state: "failed", error } }),
    }));
  }

  return {
    pictures,
    refusal,
    ready: pictures.filter((picture) => picture.state === "ready").map(kept),
    add(files) {
      const room = Math.max(0, MOST - pictures.length);
      setRefusal(files.length > room ? `A message can hold ${MOST} pictures.` : "");
      [...files].slice(0, room).forEach(add);
    },
    remove(picture) {
      aborts.current.get(picture.key)?.();
      if (picture.id) discard(picture.id);
      setRefusal("");
      act({ remove: picture.key });
    },
    lost: (picture) => act({ key: picture.key, now: { state: "failed", src: "", error: { what: "This picture is no longer kept.", fix: "Add it again." } } }),
    replace: (attachments) => act({ all: attachments.map(restored) }),
  };
}

const SAYS = { sending: "Sending", reading: "Checking the picture" };

function Thumbnail({ picture, onRemove, onOpen, onLost }) {
  const busy = picture.state in SAYS;
  return (
    <li className={`tray-item ${picture.state}`}>
      <button type="button" className="thumb" disabled={picture.state !== "ready"} onClick={onOpen} aria-label={`Open ${picture.name}`}>
        {picture.src && picture.state !== "failed"
          ? <img src={picture.src} alt="" onError={picture.state === "ready" ? onLost : undefined} />
          : <Icon name="picture" size={24} />}
      </button>
      <IconButton icon="close" className="remove" label={`Remove ${picture.name}`} onClick={onRemove} />
      {busy ? <progress value={picture.state === "sending" ? picture.progress : undefined} max="1" aria-label={`${SAYS[picture.state]}: ${picture.name}`} /> : null}
    </li>
  );
}

export function Tray({ tray, onOpen }) {
  const { pictures } = tray;
  if (!pictures.length && !tray.refusal) return null;
  const failed = pictures.filter((picture) => picture.state === "failed");
  const notices = pictures.filter((picture) => picture.notice);
  return (
    <div className="tray">
      <ul aria-label="Pictures of this message">
        {pictures.map((picture) => (
          <Thumbnail key={picture.key} picture={picture} onRemove={() => tray.remove(picture)}
            onOpen={() => onOpen(picture)} onLost={() => tray.lost(picture)} />
        ))}
      </ul>
      {failed.map(({ key, name, error }) => (
        <p key={key} className="sentence wrong" role="alert">{name}: {error.what} {error.fix}</p>
      ))}
      {notices.map(({ key, notice }) => <p key={key} className="sentence">{notice}</p>)}
      {tray.refusal ? <p className="sentence wrong" role="alert">{tray.refusal}</p> : null}
    </div>
  );
}
