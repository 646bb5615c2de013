// What is being written, kept until the server has it: one draft per conversation, and each message
// on its way under its turn id. A temporary conversation's words stay in memory.

const DRAFT = "aidoctor:draft:";
const SENDING = "aidoctor:sending:";
/** Milliseconds after which a message that was not accepted comes back into the box. */
export const PATIENCE = 10_000;

function memoryStorage() {
  const values = new Map();
  return {
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => values.set(key, value),
    removeItem: (key) => values.delete(key),
    keys: () => [...values.keys()],
  };
}

function read(storage, key) {
  try {
    return JSON.parse(storage.getItem(key));
  } catch {
    return null;
  }
}

function write(storage, key, value) {
  try {
    storage.setItem(key, JSON.stringify(value));
  } catch {
    // A full or blocked storage costs the draft's survival, not the typing.
  }
}

const isEmpty = (draft) => !draft || (!draft.text && !draft.pictures?.length);

/** Drafts in `storage`; give none for words that must not be written down. */
export function drafts(storage = memoryStorage()) {
  const keys = () => storage.keys?.() ?? Object.keys(storage);
  return {
    load: (conversation) => read(storage, DRAFT + conversation) ?? { text: "", pictures: [] },
    save(conversation, draft) {
      if (isEmpty(draft)) storage.removeItem(DRAFT + conversation);
      else write(storage, DRAFT + conversation, draft);
    },
    sending: (id, message) => write(storage, SENDING + id, message),
    accepted: (id) => {
      const message = read(storage, SENDING + id);
      storage.removeItem(SENDING + id);
      return message;
    },
    /** Messages of `conversation` that nobody has accepted, oldest first. */
    waiting(conversation) {
      return keys()
        .filter((key) => key.startsWith(SENDING))
        .map((key) => ({ id: key.slice(SENDING.length), ...read(storage, key) }))
        .filter((message) => message.conversation === conversation)
        .sort((a, b) => a.at - b.at);
    },
  };
}
