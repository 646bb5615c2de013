// Reads one answer from its NDJSON route and picks it up again after a break. The route's numbers
// count code points of what came so far; asking from them never repeats and never skips a word.

const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 3000;

/** Turns chunks of text into the JSON values of the whole lines in them. */
export function lineReader() {
  let rest = "";
  return (chunk) => {
    const lines = (rest + chunk).split("\n");
    rest = lines.pop();
    return lines.filter((line) => line.trim()).map((line) => JSON.parse(line));
  };
}

/** What is known of an answer before its first line. */
export function newAnswer() {
  return { text: "", thought: "", n: 0, m: 0, stage: null, stageAt: 0, end: "", error: null, lostAt: 0 };
}

/** Takes one value of the stream into `answer`; unknown kinds are left for newer pages. */
export function take(answer, value, now = 0) {
  if (Array.isArray(value)) {
    const [position, delta, thought] = value;
    if (thought) Object.assign(answer, { thought: answer.thought + delta, m: position });
    else Object.assign(answer, { text: answer.text + delta, n: position });
    answer.stage = null;
  } else if (value.stage) {
    if (answer.stage?.stage !== value.stage) answer.stageAt = now;
    answer.stage = value;
  } else if (value.reset) {
    Object.assign(answer, { text: "", thought: "", n: 0, m: 0 });
  } else if (value.end) {
    Object.assign(answer, { end: value.end, error: value.error ?? null, stage: null });
  }
}

async function readOnce(answer, response, { onChange, now }) {
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  const lines = lineReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    for (const item of lines(decoder.decode(value, { stream: true }))) take(answer, item, now());
    answer.lostAt = 0;
    onChange();
  }
}

const GONE = {
  code: "not-found",
  what: "This answer is not here (any more).",
  fix: "Reload the page to see what is kept.",
};

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}

/**
 * Follows an answer to its end line, through breaks of the connection. `address(n, m)` gives the
 * URL that continues after n and m code points. Resolves when the answer ended or `signal` aborted.
 */
export async function follow(answer, { address, signal, onChange, open = fetch, now = () => performance.now(), rest = pause }) {
  let wait = FIRST_PAUSE;
  while (!answer.end && !signal.aborted) {
    const before = answer.n + answer.m;
    try {
      const response = await open(address(answer.n, answer.m), { signal, cache: "no-store" });
      if (response.status === 404) Object.assign(answer, { end: "failed", error: GONE });
      else if (response.ok) await readOnce(answer, response, { onChange, now });
    } catch {
      if (signal.aborted) return;
    }
    if (answer.end || signal.aborted) break;
    if (answer.n + answer.m > before) wait = FIRST_PAUSE;
    answer.lostAt ||= now();
    onChange();
    await rest(wait, signal);
    wait = Math.min(wait * 2, LONGEST_PAUSE);
  }
  if (!signal.aborted) onChange();
}
