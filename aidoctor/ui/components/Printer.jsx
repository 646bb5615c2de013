// Prints the page once all of it is there, pictures too.
import { useEffect } from "react";

const PATIENCE = 4000;

const frame = () => new Promise((done) => requestAnimationFrame(done));
const pause = (time) => new Promise((done) => setTimeout(done, time));

async function loaded(picture) {
  picture.loading = "eager";
  await picture.decode().catch(() => {});
}

export function Printer({ active = false, onPrinted }) {
  useEffect(() => {
    if (!active) return;
    (async () => {
      await frame();
      await frame();
      await Promise.race([Promise.all([...document.images].map(loaded)), pause(PATIENCE)]);
      window.print();
      onPrinted();
    })();
  }, [active]);
  return null;
}
