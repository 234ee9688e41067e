// The server's `/v1`, and nothing else of it. The key travels in a header of each request:
// another site's page cannot make a browser send it, so there is no request to forge.

import { key, may } from "./session.js";
import { PROBLEMS } from "./words.js";

const TRIES = 3; // of a look that was refused for being one too many
const AT_ONCE = 4; // pictures of faces that are fetched side by side
const PATIENCE = 120_000; // ms for a whole answer
const KEPT = 600; // pictures of faces that are held in memory

/** An answer that is no success, in words. `status` 0: there was no answer. */
export class Problem extends Error {
  constructor(status, body = {}, retryAfter = null) {
    const code = body.code ?? (status ? "internal" : "unreachable");
    const [title, advice] = PROBLEMS[code] ?? [body.title ?? "That did not work", null];
    super(title);
    Object.assign(this, { status, code, title, advice, retryAfter });
    this.detail = body.detail ?? "";
    this.requestId = body.request_id ?? "";
    this.refused = body.refused ?? [];
  }
}

/** Called with the problem when the key is no longer good, and with true or false as the server goes and comes back. */
export const listeners = { unauthorized: () => {}, reachable: () => {} };

/**
 * Ask the server. path: parts below `/v1`, or a text for what lies elsewhere (health, metrics).
 * body: an object is sent as JSON, a Blob as it is, FormData as a form. query: values that are
 * null are left out. once: the server does it once, however often it is sent. Looks are tried again where the server asks to wait.
 */
export async function ask(method, path, { query = {}, body = null, signal = null, as = "json", once = false } = {}) {
  const url = address(path, query);
  const headers = { Accept: as === "json" ? "application/json" : "*/*" };
  if (key()) headers.Authorization = `Bearer ${key()}`;
  if (once) headers["Idempotency-Key"] = random();
  let payload = body;
  if (body !== null && !(body instanceof FormData) && !(body instanceof Blob)) {
    headers["Content-Type"] = "application/json";
    payload = JSON.stringify(body);
  } else if (body instanceof Blob) {
    headers["Content-Type"] = body.type || "application/octet-stream";
  }
  for (let tried = 1; ; tried += 1) {
    const response = await send(url, { method, headers, body: payload, signal, cache: "no-store", credentials: "omit", redirect: "error" });
    if (response.ok) return read(response, as);
    const problem = await problemOf(response);
    const wait = problem.retryAfter;
    if (method === "GET" && (response.status === 429 || response.status === 503) && wait !== null && wait <= 5 && tried < TRIES) {
      await pause(wait * 1000, signal);
      continue;
    }
    if (response.status === 401) listeners.unauthorized(problem);
    throw problem;
  }
}

export const get = (path, query, more) => ask("GET", path, { query, ...more });

/** Every item of a list, part by part; `most` bounds it. */
export async function all(path, query = {}, most = 5000) {
  const items = [];
  let cursor = null;
  do {
    const page = await get(path, { ...query, limit: 500, cursor });
    items.push(...page.items);
    cursor = page.next;
  } while (cursor && items.length < most);
  return items;
}

/** Labels of keys by their ids, for those who may see them; empty for others. */
export async function keyLabels() {
  if (!may("admin")) return new Map();
  const keys = await all(["keys"]).catch(() => []);
  return new Map(keys.map((one) => [one.id, one.label]));
}

/** The path below a gallery. */
export function inGallery(name, ...parts) {
  return ["galleries", name, ...parts];
}

/** A form with a picture or several, and texts. */
export function form(pictures, texts = {}) {
  const made = new FormData();
  for (const { blob, name } of pictures) made.append("image", blob, name);
  for (const [name, text] of Object.entries(texts)) made.append(name, text);
  return made;
}

function address(path, query) {
  const url = new URL(typeof path === "string" ? path : `v1/${path.map(encodeURIComponent).join("/")}`, document.baseURI);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== null && value !== undefined && value !== "") url.searchParams.set(name, value);
  }
  return url;
}

async function send(url, { signal, ...options }) {
  const late = AbortSignal.timeout(PATIENCE);
  try {
    const response = await fetch(url, { ...options, signal: signal ? AbortSignal.any([signal, late]) : late });
    listeners.reachable(true);
    return response;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    listeners.reachable(false);
    throw new Problem(0);
  }
}

async function read(response, as) {
  if (response.status === 204) return null;
  if (as === "blob") return response.blob();
  if (as === "text") return response.text();
  if (as === "response") return response;
  return response.json();
}

async function problemOf(response) {
  const after = response.headers.get("Retry-After");
  let body = {};
  try {
    body = await response.json();
  } catch {
    // Something between here and the server answered in its own way.
  }
  return new Problem(response.status, body, after === null ? null : Number(after));
}

export function pause(ms, signal = null) {
  return new Promise((resolve, reject) => {
    function stopped() {
      clearTimeout(timer);
      reject(new DOMException("stopped", "AbortError"));
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stopped); // a stream pauses thousands of times
      resolve();
    }, ms);
    if (signal?.aborted) stopped();
    else signal?.addEventListener("abort", stopped, { once: true });
  });
}

// Not crypto.randomUUID: that is missing on pages that came without TLS.
function random() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

// Pictures of enrolled faces: fetched with the key, a few at a time, kept while there is room.

const crops = new Map(); // face -> promise of an address within this page, or null
const queue = [];
let running = 0;

/** The kept crop of an enrolled face as an address within this page; null where none was kept. */
export function crop(gallery, face) {
  const place = `${gallery}/${face}`;
  if (!crops.has(place)) {
    crops.set(
      place,
      queued(() => get(inGallery(gallery, "faces", face, "image"), {}, { as: "blob" })).then(
        (blob) => URL.createObjectURL(blob),
        (problem) => {
          crops.delete(place);
          if (problem.status === 404) return null;
          throw problem;
        },
      ),
    );
    if (crops.size > KEPT) drop(crops.keys().next().value);
  }
  return crops.get(place);
}

/** Do some work when one of few places is free. */
export function queued(work) {
  return new Promise((resolve, reject) => {
    queue.push(() => work().then(resolve, reject));
    next();
  });
}

function next() {
  if (running >= AT_ONCE || !queue.length) return;
  running += 1;
  queue.shift()().finally(() => {
    running -= 1;
    next();
  });
}

function drop(place) {
  crops.get(place)?.then((url) => url && URL.revokeObjectURL(url), () => {});
  crops.delete(place);
}

/** Let go of every picture, as when signing out or after an erasure. */
export function dropCrops() {
  for (const place of [...crops.keys()]) drop(place);
}
