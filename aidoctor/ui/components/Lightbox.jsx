// One picture, large. <dialog> keeps the focus inside and closes on Escape by itself.
import { useEffect, useRef, useState } from "react";
import { IconButton } from "./icons.jsx";

const STEPS = [1, 1.5, 2, 3, 4, 6, 8];

/** Shows `pictures[start]` ({name, src}); + and - zoom, 0 fits, arrows go to the next at fit. */
export function Lightbox({ pictures, start, onClose }) {
  const dialog = useRef(null);
  const [index, setIndex] = useState(start);
  const [zoom, setZoom] = useState(0);
  const picture = pictures[index];
  useEffect(() => {
    const back = document.activeElement;
    dialog.current.showModal();
    return () => back?.focus?.();
  }, []);
  const scale = (step) => setZoom((now) => Math.max(0, Math.min(STEPS.length - 1, now + step)));
  const go = (step) => { setZoom(0); setIndex((now) => (now + step + pictures.length) % pictures.length); };
  const key = (event) => {
    const actions = { "+": () => scale(1), "=": () => scale(1), "-": () => scale(-1), 0: () => setZoom(0) };
    if (zoom === 0) Object.assign(actions, { ArrowLeft: () => go(-1), ArrowRight: () => go(1) });
    if (!(event.key in actions) || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    actions[event.key]();
  };
  return (
    <dialog ref={dialog} className="lightbox" aria-label={picture.name || "Picture"} onClose={onClose} onKeyDown={key}>
      <div className="lightbox-bar">
        <span className="lightbox-name">{picture.name}{pictures.length > 1 ? ` (${index + 1} of ${pictures.length})` : ""}</span>
        {pictures.length > 1 ? <IconButton icon="left" label="Previous picture" onClick={() => go(-1)} /> : null}
        {pictures.length > 1 ? <IconButton icon="right" label="Next picture" onClick={() => go(1)} /> : null}
        <IconButton icon="zoomOut" label="Smaller" disabled={zoom === 0} onClick={() => scale(-1)} />
        <IconButton icon="zoomIn" label="Larger" disabled={zoom === STEPS.length - 1} onClick={() => scale(1)} />
        <IconButton icon="close" label="Close" onClick={() => dialog.current.close()} />
      </div>
      <div className="lightbox-stage" tabIndex={0} onDoubleClick={() => setZoom(zoom ? 0 : 2)}>
        <img src={picture.src} alt={picture.name || "Picture"} style={zoom ? { width: `${STEPS[zoom] * 100}%`, maxWidth: "none", maxHeight: "none" } : undefined} />
      </div>
    </dialog>
  );
}
