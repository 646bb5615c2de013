// What the components of one page tell each other without asking the server: put words into the
// composer, focus it, open a turn for editing. Each name has at most one listener.
const listeners = new Map();

/** Registers `listener` for `name` and returns what takes it back. */
export function on(name, listener) {
  listeners.set(name, listener);
  return () => { if (listeners.get(name) === listener) listeners.delete(name); };
}

export const tell = (name, value) => listeners.get(name)?.(value);

/** An id for a turn that the browser makes: 16 characters of [A-Za-z0-9_-]. */
export function newTurnId() {
  const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => alphabet[byte & 63]).join("");
}
