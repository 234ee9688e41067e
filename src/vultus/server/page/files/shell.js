// The frame around every section: brand, gallery, theme, sections.

import { button, fill, h, icon, select } from "./dom.js";
import { dialog } from "./messages.js";
import { sectionsFor } from "./sections.js";
import { chooseGallery, gallery, roleName, session } from "./session.js";
import { showShortcuts } from "./shortcuts.js";

const TABS = 4; // at the foot of a telephone; the others are behind "More"
const THEMES = { system: ["screen", "System colours"], light: ["sun", "Light"], dark: ["moon", "Dark"] };

export function frame({ signOut, choose }) {
  const { caller } = session;
  const who = caller.label ? `${roleName(caller.role)} · ${caller.label}` : roleName(caller.role);
  return h(
    "div",
    { class: "frame" },
    h("a", { class: "skip", href: "#main", onclick: jump }, "Skip to the content"),
    h(
      "header",
      { class: "bar" },
      h("a", { class: "brand", href: "#/", "aria-label": "vultus, start" }, h("img", { src: "page/icon.svg", alt: "" }), h("span", null, "vultus")),
      h("div", { class: "switch", id: "galleries" }, ...switcher(choose)),
      h("span", { class: "grow space" }),
      h("span", { class: "badge accent role", title: "Role of your key" }, who),
      button(null, showShortcuts, { icon: "keyboard", kind: "plain help", title: "Keyboard shortcuts (?)" }),
      themeButton(),
      button(null, () => signOut(), { icon: "exit", kind: "plain", title: "Sign out" }),
    ),
    h("div", { class: "offline", id: "offline", role: "alert", hidden: true }, icon("offline"), h("span", null, "The server does not answer. This page tries again until it does.")),
    h("nav", { class: "side", "aria-label": "Sections" }, ...links()),
    h("main", { id: "main", tabindex: "-1" }),
    tabs(signOut, who),
  );
}

function jump(event) {
  event.preventDefault(); // the address names the section, so the jump is done by hand
  document.querySelector("main h1")?.focus();
}

/** The gallery that everything is about; renewed when galleries come or go. */
export function renewSwitcher(choose) {
  const place = document.getElementById("galleries");
  if (place) fill(place, ...switcher(choose));
}

function switcher(choose) {
  if (!session.galleries.length) return [];
  const control = select(
    session.galleries.map((name) => [name, name]),
    gallery(),
    {
      id: "gallery",
      onchange: () => {
        chooseGallery(control.value);
        choose();
      },
    },
  );
  return [h("label", { for: "gallery", class: "small soft" }, "Gallery"), control];
}

function links() {
  const made = [];
  let group = null;
  for (const one of sectionsFor()) {
    if (one.group && one.group !== group) made.push(h("h2", null, one.group));
    group = one.group;
    made.push(h("a", { href: `#/${one.id}`, dataset: { section: one.id } }, icon(one.icon), one.label));
  }
  return made;
}

function tabs(signOut, who) {
  const mine = sectionsFor();
  const first = mine.slice(0, TABS);
  return h(
    "nav",
    { class: "tabs", "aria-label": "Sections" },
    first.map((one) => h("a", { href: `#/${one.id}`, dataset: { section: one.id } }, icon(one.icon), h("span", { class: "clip" }, one.label))),
    h("button", { type: "button", "aria-haspopup": "dialog", onclick: () => more(mine, signOut, who), dataset: { section: mine.slice(TABS).map((one) => one.id).join(" ") } }, icon("more"), "More"),
  );
}

function more(sections, signOut, who) {
  const list = h(
    "nav",
    { class: "sheet-links", "aria-label": "All sections" },
    sections.map((one) => h("a", { href: `#/${one.id}`, onclick: () => list.closest("dialog").close() }, icon(one.icon), one.label)),
  );
  dialog("All sections", [list, h("p", { class: "small soft" }, `Signed in: ${who}`)], [{ label: "Sign out", icon: "exit", run: () => signOut() }], { close: "Close" });
}

/** Show which section is open, to eyes and to screen readers. */
export function markCurrent(id) {
  for (const link of document.querySelectorAll("[data-section]")) {
    if (link.dataset.section.split(" ").includes(id)) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function themeButton() {
  const made = button(null, turn, { kind: "plain theme", title: "Colours", icon: "screen" });
  const names = Object.keys(THEMES);

  function show() {
    const [name, text] = THEMES[current()];
    fill(made, icon(name));
    made.title = `Colours: ${text}`;
    made.setAttribute("aria-label", `Colours: ${text}. Change`);
  }

  function turn() {
    const next = names[(names.indexOf(current()) + 1) % names.length];
    if (next === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = next;
    try {
      localStorage.setItem("vultus.theme", next);
    } catch {
      // Storage may be forbidden: then the choice holds until the page is closed.
    }
    show();
  }

  show();
  return made;
}

function current() {
  return document.documentElement.dataset.theme ?? "system";
}

