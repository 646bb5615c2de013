// Renders as soon as there is something new, yet never for more than about a third of the time:
// after a render that took c ms the next one waits until 2c have passed.

/** Calls `render` now or at the next slot; `clock` and the timers can be replaced. */
export function cadence(render, { clock = () => performance.now(), later = setTimeout, cancel = clearTimeout, rest = 2 } = {}) {
  let cost = 0;
  let ended = -Infinity;
  let timer = null;

  function run() {
    timer = null;
    const began = clock();
    render();
    ended = clock();
    cost += (ended - began - cost) / (ended - began > cost ? 1 : 4);
  }

  return {
    poke() {
      if (timer !== null) return;
      const wait = ended + rest * cost - clock();
      if (wait <= 0) run();
      else timer = later(run, wait);
    },
    flush() {
      if (timer !== null) cancel(timer);
      run();
    },
    stop() {
      if (timer !== null) cancel(timer);
      timer = null;
    },
  };
}
