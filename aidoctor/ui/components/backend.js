// Where the data routes are: the address Reflex itself talks to, one port or two.
import env from "$/env.json";
import { getBackendURL } from "$/utils/state";

export const backend = (path) => new URL(path, getBackendURL(env.PING)).href;

export const pictureAddress = (id) => backend(`/api/attachments/${encodeURIComponent(id)}`);
