// Why an answer has not begun, in plain words.

function share(stage) {
  return stage.total > 0 ? Math.min(99, Math.floor((100 * stage.done) / stage.total)) : null;
}

/** "about 2 min left", from the milliseconds a stage took for `done` of `total`; "" while unknown. */
export function timeLeft({ done, total }, elapsed) {
  if (!(done > 0 && total > done) || elapsed < 2000) return "";
  const seconds = (elapsed / done) * (total - done) / 1000;
  if (seconds < 10) return "a few seconds left";
  if (seconds < 50) return `about ${Math.round(seconds / 10) * 10} s left`;
  return `about ${Math.max(1, Math.round(seconds / 60))} min left`;
}

function named(stage, pictured) {
  if (stage.stage === "waiting") return "Waiting for another answer to finish";
  if (stage.stage === "loading") return "Loading the model";
  return pictured ? "Reading the picture" : "Reading what was said";
}

/** The sentence for what is known `elapsed` ms after the stage began, `waited` ms after the start. */
export function waitingWords(stage, { elapsed, waited, pictured, lost }) {
  if (lost > 1500) return "The connection to AI Doctor is lost. Trying again…";
  if (!stage) return waited < 3000 ? "…" : "Thinking about the first words…";
  const percent = share(stage);
  const left = timeLeft(stage, elapsed);
  const figures = [percent === null ? "" : `${percent} %`, left].filter(Boolean).join(", ");
  return `${named(stage, pictured)}…${figures ? ` ${figures}` : ""}`;
}
