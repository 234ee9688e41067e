// Everybody in the gallery: looked for, chosen, merged; and the ways to one person or a new one.

import { get, inGallery } from "../api.js";
import { button, empty, fill, h, icon, waiting } from "../dom.js";
import { cover } from "../faces.js";
import { mergeDialog } from "../merging.js";
import { trouble } from "../messages.js";
import { noGallery } from "../nogallery.js";
import { may } from "../session.js";
import { count } from "../words.js";
import { show as add } from "./add.js";
import { show as person } from "./person.js";

const PART = 60; // people that are shown at a time

export async function show(page, parts) {
  if (!page.gallery) return noGallery(page);
  if (parts[0] === "add" && may("enroller")) return add(page, null);
  if (parts[0] && parts[1] === "add" && may("enroller")) return add(page, parts[0]);
  if (parts[0]) return person(page, parts[0]);
  return everybody(page);
}

async function everybody(page) {
  const { gallery, signal } = page;
  const chosen = new Map();
  let choosing = false;
  let cursor = null;
  let search = "";
  let asked = 0;
  const addButton = may("enroller") && h("a", { class: "button main", href: "#/people/add", "data-shortcut": "n" }, icon("addPerson"), "Add person");
  page.head("People", null, addButton);

  const input = h("input", { type: "search", placeholder: "Search by name", "aria-label": "Search people by name", autocomplete: "off", "data-shortcut": "/", oninput: later });
  const total = h("span", { class: "soft", role: "status" });
  const chooser = may("enroller") && button("Choose", () => turn(!choosing), { icon: "check", "aria-pressed": "false", "data-shortcut": "c" });
  const tray = h("div", { class: "tray card", hidden: true, role: "region", "aria-label": "Chosen people" });
  const grid = h("ul", { class: "people", "aria-label": "People" });
  const foot = h("div", { class: "row foot" });
  fill(page.body, h("div", { class: "stack" }, h("div", { class: "row between" }, h("div", { class: "search" }, icon("search"), input), h("div", { class: "row" }, total, chooser)), tray, grid, foot));
  fill(foot, waiting());

  let timer = null;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      search = input.value.trim();
      load(true);
    }, 200);
  }

  async function load(anew) {
    const mine = ++asked;
    if (anew) cursor = null;
    let found;
    try {
      const [part, numbers] = await Promise.all([get(inGallery(gallery, "persons"), { limit: PART, cursor, search }, { signal }), search ? null : get(inGallery(gallery), {}, { signal })]);
      found = part;
      if (mine !== asked) return;
      total.textContent = numbers ? `${count(numbers.people, "person", "people")}, ${count(numbers.templates, "face")}` : found.items.length ? "" : "Nobody found";
    } catch (error) {
      if (!signal.aborted) fill(foot, trouble(error, () => load(anew)));
      return;
    }
    if (anew) fill(grid);
    for (const one of found.items) grid.append(card(one));
    cursor = found.next;
    fill(foot, cursor && button("Show more", more), !grid.children.length && nobody());
  }

  async function more() {
    const before = grid.children.length;
    await load(false);
    grid.children[before]?.querySelector("a, input")?.focus();
  }

  function nobody() {
    if (search) return empty("search", `Nobody is called “${search}”`, "The search looks for a part of the name.");
    return empty(
      "people",
      "Nobody is known here yet",
      may("enroller") ? "Add the first person with a picture or two. Faces that nobody has named can be sorted into people, too." : "Somebody with the role Enroller adds people.",
      may("enroller") && h("a", { class: "button main", href: "#/people/add" }, icon("addPerson"), "Add person"),
    );
  }

  function card(one) {
    const name = h("span", { class: "name clip", title: one.name }, one.name);
    const faces = h("span", { class: "small soft" }, count(one.templates, "face"));
    const check = h("input", { type: "checkbox", checked: chosen.has(one.id), "aria-label": `Choose ${one.name}`, onchange: () => choose(one, check.checked) });
    return h("li", { class: choosing ? "choosing" : null, dataset: { person: one.id } }, h("a", { href: `#/people/${one.id}` }, cover(gallery, one), name, faces), check);
  }

  function turn(now) {
    choosing = now;
    chosen.clear();
    chooser.setAttribute("aria-pressed", String(now));
    fill(chooser, icon(now ? "cross" : "check"), now ? "Stop choosing" : "Choose");
    for (const item of grid.children) {
      item.classList.toggle("choosing", now);
      item.querySelector("input").checked = false;
    }
    if (now) grid.querySelector("input")?.focus();
    showTray();
  }

  function choose(one, now) {
    if (now) chosen.set(one.id, one);
    else chosen.delete(one.id);
    showTray();
  }

  function showTray() {
    tray.hidden = !choosing;
    fill(
      tray,
      h("span", { role: "status" }, chosen.size ? `${count(chosen.size, "person", "people")} chosen` : "Choose people who are one and the same"),
      button("Merge", () => merge(), { icon: "merge", kind: "main small", disabled: chosen.size < 2 }),
    );
  }

  async function merge() {
    const people = [...chosen.values()];
    if (await mergeDialog(gallery, people)) {
      turn(false);
      load(true);
    }
  }

  await load(true);
}
