// The galleries: their numbers; making, checking and deleting them.

import { ask, get, inGallery } from "../api.js";
import { badge, button, empty, field, fill, h, notice, pairs, select, waiting } from "../dom.js";
import { receiptDialog } from "../erasing.js";
import { complain, dialog, say, trouble } from "../messages.js";
import { chooseGallery, gallery as current, may, session } from "../session.js";
import { bytes, count, moment, rate } from "../words.js";

const KEEP = [
  ["aligned", "Keep a small crop of each face, so that models can change later"],
  ["none", "Keep no pictures at all"],
];

export async function show(page) {
  const admin = may("admin");
  page.head("Galleries", "Each gallery is a folder of its own; keys can be for one gallery alone.", admin && button("Make a gallery", create, { icon: "add", kind: "main", "data-shortcut": "n" }));
  if (!session.galleries.length) {
    fill(page.body, empty("gallery", "No gallery yet", admin ? "Make the first one; then add people." : "An administrator makes galleries.", admin && button("Make a gallery", create, { icon: "add", kind: "main" })));
    return;
  }
  const cards = session.galleries.map((name) => h("section", { class: "card stack tight", "aria-label": name }, h("h2", null, name), waiting()));
  fill(page.body, h("div", { class: "tilesheet" }, cards));
  await Promise.all(session.galleries.map((name, at) => fillCard(name, cards[at])));

  async function fillCard(name, card) {
    try {
      draw(card, await get(inGallery(name), {}, { signal: page.signal }));
    } catch (error) {
      if (!page.signal.aborted) fill(card, h("h2", null, name), trouble(error, () => fillCard(name, card)));
    }
  }

  function draw(card, one) {
    const found = h("div", { role: "status" });
    fill(
      card,
      h("div", { class: "row between" }, h("h2", { class: "wrap" }, one.name), h("div", { class: "row" }, one.sealed ? badge("good", "encrypted", "lock") : null, one.name === current() ? badge("accent", "chosen") : null)),
      pairs(
        ["People", one.people.toLocaleString("en")],
        ["Faces", one.templates.toLocaleString("en")],
        ["Kept crops", one.keep === "none" ? "none are kept" : one.crops.toLocaleString("en")],
        ["Size", bytes(one.bytes)],
        ["Model", one.model ?? "not decided yet"],
        ["Living faces", one.require_live ? "are asked for" : "are not asked for"],
        ["Error rate", `FPIR ${rate(one.rates.fpir)}`],
        ["Made", moment(one.created)],
      ),
      one.pending_erasures ? notice("warn", `${count(one.pending_erasures, "erasure")} not finished`, h("p", null, button("Finish now", () => finish(one.name), { kind: "small" }))) : null,
      h(
        "div",
        { class: "row" },
        one.name === current() ? null : button("Choose", () => choose(one.name), { kind: "small" }),
        admin && button(one.require_live ? "Living or not" : "Living faces only", () => askLiving(one, card), { icon: "live", kind: "small", "aria-pressed": String(one.require_live) }),
        admin && button("Check", () => check(one.name, found), { icon: "search", kind: "small" }),
        admin && button("Delete", () => remove(one), { icon: "bin", kind: "small risk" }),
      ),
      found,
    );
  }

  /** The switch of a gallery, for administrators. */
  async function askLiving(one, card) {
    const on = !one.require_live;
    const text = on
      ? "Faces that are not taken for living ones, or that cannot be judged, are refused: when people are enrolled, searched or compared, in every API. It is evidence, not proof: silicone masks, make-up and injected video are not covered."
      : "Prints and screens will be taken for the people whom they show.";
    const changed = await dialog(on ? `Living faces only in ${one.name}?` : `No longer ask for living faces in ${one.name}?`, [h("p", null, text)], [
      { label: on ? "Ask for living faces" : "Do not ask", icon: "live", kind: on ? "" : "risk", run: () => ask("PATCH", inGallery(one.name), { body: { require_live: on }, once: true }) },
    ]);
    if (!changed) return;
    draw(card, changed);
    if (!on && changed.require_live) say("The server itself asks for living faces everywhere.");
    else say(on ? `${one.name} asks for living faces now.` : `${one.name} does not ask for living faces any more.`);
  }

  async function choose(name) {
    chooseGallery(name);
    await page.renewGalleries();
    page.go("people");
  }

  async function create() {
    const name = h("input", { required: true, maxlength: "200", pattern: "[A-Za-z0-9_][A-Za-z0-9_.\\-]*", autocomplete: "off", spellcheck: "false" });
    const keep = select(KEEP, "aligned");
    const made = await dialog("Make a gallery", [field("Name", name, "Letters, digits, dots, dashes and underscores."), field("Pictures", keep)], [
      { label: "Make it", icon: "add", run: () => (name.reportValidity() ? ask("POST", ["galleries"], { body: { name: name.value.trim(), keep: keep.value }, once: true }) : false) },
    ]);
    if (!made) return;
    say(`The gallery ${made.name} is there.`);
    chooseGallery(made.name);
    await page.renewGalleries();
    page.reload();
  }

  async function check(name, place) {
    fill(place, waiting("Looking at everything"));
    try {
      const found = await get(inGallery(name, "check"), {}, { signal: page.signal });
      fill(
        place,
        notice(found.ok ? "good" : "bad", found.ok ? "Nothing is damaged" : "Something is damaged", `${count(found.people, "person", "people")}, ${count(found.templates, "face")} looked at.`),
        found.findings.length ? h("ul", { class: "bullets small" }, found.findings.map((one) => h("li", null, one.detail))) : null,
        found.doubles.length ? [h("h3", null, "People who may be one"), h("ul", { class: "bullets small" }, found.doubles.map((one) => h("li", { class: "wrap" }, `${one.first} and ${one.second}, score ${one.score.toFixed(2)}`))), h("p", { class: "small soft" }, "Merge them under People, with Choose.")] : null,
      );
    } catch (error) {
      if (!page.signal.aborted) fill(place, trouble(error));
    }
  }

  async function remove(one) {
    const name = h("input", { autocomplete: "off", spellcheck: "false", required: true });
    const reason = h("input", { maxlength: "500", autocomplete: "off" });
    const wrong = h("p", { class: "bad small", role: "alert" });
    const done = await dialog(
      "Delete a gallery",
      [notice("bad", "This cannot be undone", `${count(one.people, "person", "people")} with ${count(one.templates, "face")} will be deleted.`), field(`Type the name to go on: ${one.name}`, name), wrong, field("Reason", reason, "Goes into the audit log.")],
      [
        {
          label: "Delete for good",
          icon: "bin",
          kind: "risk",
          run: async () => {
            if (name.value.trim() !== one.name) {
              wrong.textContent = "That is another name.";
              name.focus();
              return false;
            }
            return ask("DELETE", inGallery(one.name), { query: { reason: reason.value } });
          },
        },
      ],
    );
    if (!done) return;
    say(`The gallery ${one.name} was deleted.`);
    await page.renewGalleries();
    page.reload();
  }

  async function finish(name) {
    try {
      const receipts = await ask("POST", inGallery(name, "erase", "finish"), { once: true });
      for (const receipt of receipts) await receiptDialog(receipt);
      page.reload();
    } catch (error) {
      complain(error);
    }
  }
}

