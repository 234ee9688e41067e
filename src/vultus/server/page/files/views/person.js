// One person: the faces, and everything that can be done with them.

import { ask, dropCrops, get, inGallery } from "../api.js";
import { badge, button, empty, field, fill, h, icon } from "../dom.js";
import { cropOf, picker } from "../faces.js";
import { eraseDialog, receiptDialog } from "../erasing.js";
import { mergeDialog } from "../merging.js";
import { dialog, say } from "../messages.js";
import { forgetPerson, may } from "../session.js";
import { count, day, moment } from "../words.js";

export async function show(page, id) {
  const { gallery, signal } = page;
  const [person, { items: faces }] = await Promise.all([get(inGallery(gallery, "persons", id), {}, { signal }), get(inGallery(gallery, "persons", id, "faces"), {}, { signal })]);
  const path = inGallery(gallery, "persons", person.id);
  const enroller = may("enroller");
  const chosen = new Set();
  const facts = [count(faces.length, "face"), person.aliases.length && `also known as ${person.aliases.join(", ")}`, `added ${moment(person.created)}`].filter(Boolean).join(" · ");

  page.head(
    person.name,
    facts,
    h("a", { class: "button", href: "#/people" }, icon("back"), "People"),
    enroller && h("a", { class: "button main", href: `#/people/${person.id}/add`, "data-shortcut": "n" }, icon("add"), "Add faces"),
  );

  const tools = enroller && h(
    "div",
    { class: "row", role: "group", "aria-label": "Change this person" },
    button("Rename", rename, { icon: "edit", "data-shortcut": "r" }),
    button("Merge with …", merge, { icon: "merge", "data-shortcut": "m" }),
    button("Remove", remove, { icon: "bin" }),
    may("admin") && button("Erase with proof", erase, { icon: "erase", kind: "risk", "data-shortcut": "e" }),
  );
  const tray = h("div", { class: "tray card", hidden: true, role: "region", "aria-label": "Chosen faces" });
  const grid = h("ul", { class: "faces", "aria-label": `Faces of ${person.name}` }, faces.map(card));
  fill(page.body, h("div", { class: "stack" }, tools, tray, faces.length ? grid : empty("picture", "No face is left", "Without a face this person cannot be found.", enroller && h("a", { class: "button main", href: `#/people/${person.id}/add` }, icon("add"), "Add faces"))));

  function card(face, at) {
    const label = `Face ${at + 1} of ${person.name}`;
    const quality = face.quality === null ? "not known" : `${Math.round(face.quality * 100)} %`;
    const check = enroller && h("input", { type: "checkbox", "aria-label": `Choose face ${at + 1}`, onchange: () => choose(face, check.checked) });
    return h(
      "li",
      { class: "card flush" },
      cropOf(gallery, face.crop ? face.id : null, label),
      h(
        "div",
        { class: "about small" },
        h("div", { class: "row between" }, h("span", null, "Quality ", quality), check),
        h("div", { class: "clip soft", title: face.source }, face.source ?? "no source"),
        h("div", { class: "soft" }, day(face.created)),
        face.forced && badge("warn", "taken in against a double", "warn"),
      ),
    );
  }

  function choose(face, now) {
    if (now) chosen.add(face.id);
    else chosen.delete(face.id);
    tray.hidden = !chosen.size;
    fill(
      tray,
      h("span", { role: "status" }, `${count(chosen.size, "face")} chosen`),
      button("Split off", split, { icon: "split", kind: "small main" }),
      button("Move to …", move, { icon: "move", kind: "small" }),
      button("Remove", removeFaces, { icon: "bin", kind: "small" }),
    );
  }

  async function rename() {
    const input = h("input", { value: person.name, maxlength: "255", required: true, autocomplete: "off" });
    const done = await dialog("Rename", [field("Name", input)], [
      {
        label: "Rename",
        icon: "edit",
        run: async () => {
          if (!input.value.trim()) return false;
          return ask("PATCH", path, { body: { name: input.value.trim() }, once: true });
        },
      },
    ]);
    if (!done) return;
    say(`${person.name} is now ${done.name}.`);
    page.reload();
  }

  async function merge() {
    const search = picker(gallery, { label: "The other person", except: [person.id] });
    const other = await dialog("Merge with whom?", [search.node], [{ label: "Next", icon: "merge", run: () => search.value() ?? false }]);
    const merged = other && (await mergeDialog(gallery, [person, other]));
    if (!merged) return;
    if (merged.id === person.id) page.reload();
    else page.go("people", merged.id);
  }

  async function split() {
    const input = h("input", { maxlength: "255", required: true, autocomplete: "off", list: "former" });
    const former = h("datalist", { id: "former" }, person.aliases.map((one) => h("option", { value: one })));
    const made = await dialog(
      "Split off",
      [h("p", null, `${count(chosen.size, "face")} will be a person of their own.`), field("Name of the new person", input, person.aliases.length ? "A former name undoes a merge." : null), former],
      [{ label: "Split off", icon: "split", run: () => (input.value.trim() ? ask("POST", [...path, "split"], { body: { faces: [...chosen], name: input.value.trim() }, once: true }) : false) }],
    );
    if (!made) return;
    say(`${count(made.templates, "face")} went to ${made.name}.`);
    page.go("people", made.id);
  }

  async function move() {
    const search = picker(gallery, { label: "To whom?", except: [person.id] });
    const moved = await dialog(`Move ${count(chosen.size, "face")}`, [search.node], [
      { label: "Move", icon: "move", run: () => (search.value() ? ask("POST", inGallery(gallery, "persons", search.value().id, "faces", "move"), { body: { faces: [...chosen] }, once: true }) : false) },
    ]);
    if (!moved) return;
    say(`${count(chosen.size, "face")} went to ${moved.name}.`);
    page.reload();
  }

  async function removeFaces() {
    const done = await dialog("Remove faces", [h("p", null, `${count(chosen.size, "face")} of ${person.name} will be removed. The person stays.`)], [
      {
        label: "Remove",
        icon: "bin",
        kind: "risk",
        run: async () => {
          for (const face of chosen) await ask("DELETE", inGallery(gallery, "faces", face));
        },
      },
    ]);
    if (!done) return;
    dropCrops();
    page.reload();
  }

  /** Keep nothing of somebody who is gone, in this tab either. */
  function letGo() {
    dropCrops();
    forgetPerson(person.id);
  }

  async function remove() {
    const done = await dialog(
      "Remove this person",
      [h("p", { class: "wrap" }, `${person.name} will no longer be found by any search.`), h("p", { class: "soft" }, "Bytes may remain in the gallery's files until they are written anew. An administrator can erase a person with proof instead.")],
      [{ label: "Remove", icon: "bin", kind: "risk", run: () => ask("DELETE", path) }],
    );
    if (!done) return;
    letGo();
    say(`${person.name} was removed.`);
    page.go("people");
  }

  async function erase() {
    const receipt = await eraseDialog(gallery, person);
    if (!receipt) return;
    letGo();
    await receiptDialog(receipt);
    page.go("people");
  }
}
