// Asks again, every few seconds, while something is awaited and the page is looked at.
import { useEffect, useRef } from "react";

export function Pulse({ active = false, seconds = 4, onBeat }) {
  const beat = useRef(onBeat);
  beat.current = onBeat;
  useEffect(() => {
    if (!active) return undefined;
    const timer = setInterval(() => { if (!document.hidden) beat.current?.(); }, seconds * 1000);
    return () => clearInterval(timer);
  }, [active, seconds]);
  return null;
}
