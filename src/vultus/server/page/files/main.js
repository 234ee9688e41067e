// Start: sign in if need be, then show the section that the address names.

import { dropCrops, get, listeners, pause } from "./api.js";
import { fill, h, put, waiting } from "./dom.js";
import { trouble, say } from "./messages.js";
import { SECTIONS, sectionsFor } from "./sections.js";
import { forget, gallery, key, may, session } from "./session.js";
import { frame, markCurrent, renewSwitcher } from "./shell.js";
import { signIn } from "./signin.js";
import { installShortcuts } from "./shortcuts.js";

const app = document.getElementById("app");
let leaving = new AbortController(); // aborted when a section is left: streams, timers, requests end
let reachable = true;

async function start(reason = null) {
  leaving.abort();
  if (!key()) {
    signIn(app, reason, start);
    return;
  }
  fill(app, h("div", { class: "alone" }, waiting("Signing in")));
  try {
    session.caller = await get(["me"]);
    session.galleries = may("viewer") ? await galleries() : [];
  } catch (error) {
    if (error.status === 401) signOut(error);
    else fill(app, h("div", { class: "alone" }, trouble(error, () => start()), h("p", null, h("a", { href: "#", onclick: () => signOut() }, "Sign in with another key"))));
    return;
  }
  fill(app, frame({ signOut, choose: render }));
  await render();
}

async function galleries() {
  const names = [];
  let cursor = null;
  do {
    const page = await get(["galleries"], { limit: 1000, cursor });
    names.push(...page.items.map((one) => one.name));
    cursor = page.next;
  } while (cursor);
  return names;
}

/** Show the section that the address names; addresses hold ids, never names or keys. */
async function render() {
  if (!session.caller) return;
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  const mine = sectionsFor();
  const [id, ...parts] = location.hash.replace(/^#\/?/, "").split("/").map(safeDecode).filter(Boolean);
  const known = SECTIONS.find((one) => one.id === id);
  const section = mine.includes(known) ? known : mine[0];
  markCurrent(section.id);
  const sheet = h("div", { class: "sheet" });
  const heading = h("h1", { tabindex: "-1" }, section.label);
  const head = h("div", { class: "head" }, h("div", null, heading));
  const body = h("div", null, waiting());
  const main = document.getElementById("main");
  fill(main, put(sheet, head, body));
  main.setAttribute("aria-busy", "true");
  delete main.dataset.shown;
  document.title = `${section.label} · vultus`;
  const page = {
    body,
    signal,
    gallery: gallery(),
    reload: render,
    go,
    /** Galleries came or went. */
    async renewGalleries() {
      session.galleries = await galleries();
      renewSwitcher(render);
    },
    /** Title, what the section is for, and its buttons. */
    head(title, intro, ...actions) {
      const reading = document.activeElement === heading;
      heading.textContent = title;
      document.title = `${title} · vultus`;
      fill(head, h("div", null, heading, intro && h("p", null, intro)), actions.length ? h("div", { class: "row" }, ...actions) : null);
      if (reading) heading.focus({ preventScroll: true }); // it was taken out and put back
    },
  };
  if (known && known !== section) say(`Your key's role does not open ${known.label}.`);
  if (navigated) heading.focus({ preventScroll: true });
  navigated = true;
  window.scrollTo(0, 0);
  try {
    await section.show(page, known === section ? parts : []);
  } catch (error) {
    if (!signal.aborted) fill(body, trouble(error, render));
  }
  if (signal.aborted) return;
  main.removeAttribute("aria-busy");
  main.dataset.shown = location.hash;
}

let navigated = false;

function safeDecode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return "";
  }
}

function go(...parts) {
  const hash = `#/${parts.map(encodeURIComponent).join("/")}`;
  if (location.hash === hash) render();
  else location.hash = hash;
}

function signOut(reason = null) {
  leaving.abort();
  dropCrops();
  forget();
  history.replaceState(null, "", location.pathname);
  start(reason);
}

listeners.unauthorized = (problem) => {
  if (session.caller) signOut(problem);
};

listeners.reachable = async (now) => {
  if (now === reachable) return;
  reachable = now;
  document.getElementById("offline")?.toggleAttribute("hidden", now);
  if (now) {
    if (document.querySelector("[data-unreachable]")) render();
    return;
  }
  while (!reachable) {
    await pause(1500);
    await get("health/live").catch(() => {});
  }
  say("The server is back.");
};

window.addEventListener("hashchange", render);
window.addEventListener("pagehide", () => leaving.abort());
// A picture that misses its place must not replace the page.
for (const kind of ["dragover", "drop"]) window.addEventListener(kind, (event) => event.preventDefault());
installShortcuts({ go, signOut });
start();
