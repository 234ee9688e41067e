// Adding a person, or faces of one: pictures dropped or taken, with quality and doubles told
// before anything is kept.

import { all, ask, form, get, inGallery } from "../api.js";
import { badge, button, field, fill, h, icon, notice } from "../dom.js";
import { cover, qualityOf } from "../faces.js";
import { liveSwitch, livenessRow } from "../liveness.js";
import { complain, inWords, say } from "../messages.js";
import { dropPlace, faceOf, prepare, release } from "../pictures.js";
import { snapshots } from "../snapshots.js";
import { count, score } from "../words.js";

const KNOWN_NAMES = 2000; // names that are offered while one is typed

export async function show(page, id) {
  const { gallery, signal } = page;
  let target = id ? await get(inGallery(gallery, "persons", id), {}, { signal }) : null;
  const items = [];
  let busy = false;

  const name = h("input", { autocomplete: "off", maxlength: "255", list: "known", required: true, oninput: later, "aria-describedby": "taken" });
  const known = h("datalist", { id: "known" });
  const taken = h("p", { class: "small soft", id: "taken", role: "status" });
  const list = h("ul", { class: "stack tight", "aria-label": "Pictures" });
  const save = button("Add", send, { icon: "check", kind: "main", disabled: true });
  const state = h("div", { class: "grow small soft", role: "status" });
  const living = liveSwitch(gallery, signal);
  const camera = h("div", null);
  const cameraButton = button("Use the camera", openCamera, { icon: "camera", "data-shortcut": "w" });
  const drop = dropPlace(take, { signal, text: "or drop them here, or paste one. Two or three pictures of different days work best; each with the face from the front and well lit.", extra: [cameraButton] });
  const who = h("form", { class: "card stack", novalidate: true, onsubmit: (event) => (event.preventDefault(), send()) });

  signal.addEventListener("abort", () => items.forEach((item) => item.picture && release(item.picture)));
  fill(page.body, h("div", { class: "two" }, h("div", { class: "stack" }, drop, camera, list), who));
  retarget(target);

  /** For whom the pictures are: a known person, or null for a new one. */
  function retarget(person) {
    target = person;
    page.head(person ? `Add faces of ${person.name}` : "Add person", null, h("a", { class: "button", href: person ? `#/people/${person.id}` : "#/people" }, icon("back"), person ? person.name : "People"));
    fill(
      who,
      person ? [h("h2", { class: "wrap" }, person.name), h("p", { class: "soft" }, `Has ${count(person.templates, "face")} so far.`)] : [field("Name", name), known, taken],
      living.node,
      h("div", { class: "row" }, save, state),
    );
    for (const item of items) draw(item);
    ready();
    if (!person) suggest();
  }

  async function suggest() {
    try {
      const people = await all(inGallery(gallery, "persons"), {}, KNOWN_NAMES);
      fill(known, people.map((one) => h("option", { value: one.name })));
    } catch {
      // The names are a help only.
    }
  }

  let timer = null;
  function later() {
    ready();
    clearTimeout(timer);
    timer = setTimeout(async () => {
      if (signal.aborted) return; // the pictures are let go of
      const wanted = name.value.trim();
      for (const item of items) if (item.faces?.some((one) => one.status === "match")) draw(item);
      taken.textContent = "";
      if (!wanted) return;
      const found = await get(inGallery(gallery, "persons"), { search: wanted, limit: 100 }).catch(() => ({ items: [] }));
      const same = found.items.find((one) => one.name === wanted);
      if (same && wanted === name.value.trim()) taken.textContent = `${wanted} is known already, with ${count(same.templates, "face")}; the pictures will be added there.`;
    }, 250);
  }

  async function openCamera() {
    cameraButton.disabled = true;
    await snapshots(camera, signal, (blob) => take([blob]));
    cameraButton.disabled = false;
  }

  async function take(files) {
    await Promise.all(
      files.map(async (file) => {
        const item = { node: h("li", { class: "card item" }), name: file.name || `camera ${new Date().toLocaleTimeString()}`, picture: null, faces: null, face: null, problem: null, double: null, force: false };
        items.push(item);
        list.append(item.node);
        draw(item);
        try {
          item.picture = await prepare(file);
          const { faces } = await look(item.picture);
          item.faces = faces;
          item.face = faces.length ? 0 : null;
        } catch (error) {
          if (signal.aborted) return;
          item.problem = error;
        }
        draw(item);
        ready();
      }),
    );
  }

  /** Quality and doubles in one look; where searches rest, quality alone. */
  async function look(picture) {
    const body = form([picture]);
    try {
      return await ask("POST", inGallery(gallery, "identify"), { body, query: { gate: "medium", candidates: 1, ...living.query() }, signal });
    } catch (error) {
      if (error.code !== "probe_limit") throw error;
      const seen = await ask("POST", ["detect"], { body: form([picture]), query: { gate: "medium" }, signal });
      return { faces: seen.faces.map((face, ordinal) => ({ face, ordinal, status: "unsearched" })) };
    }
  }

  function draw(item) {
    const remove = button(null, () => discard(item), { icon: "cross", kind: "plain small", title: `Leave out ${item.name}` });
    const title = h("div", { class: "row between" }, h("strong", { class: "clip grow", title: item.name }, item.name), remove);
    if (!item.faces && !item.problem) {
      fill(item.node, h("span", { class: "face" }, icon("wait", { spin: true })), h("div", { class: "grow" }, title, h("p", { class: "small soft", role: "status" }, "Looking at the picture …")));
      return;
    }
    const face = item.faces?.[item.face];
    const thumb = face ? faceOf(item.picture.bitmap, face.face.box, { label: `Face of ${item.name}` }) : null;
    fill(item.node, thumb ?? h("span", { class: "face" }, icon("picture")), h("div", { class: "grow stack tight" }, title, ...remarks(item, face)));
  }

  function remarks(item, face) {
    if (item.problem && item.double) return [notice("warn", `Looks like ${item.double}`, forceBox(item))];
    if (item.problem) return [notice("bad", null, ...inWords(item.problem))];
    if (!face) return [notice("bad", "No face was found", "Take a picture in which the face is seen from the front and well lit.")];
    const lines = [h("div", { class: "row" }, qualityOf(face.face), item.picture.smaller && badge("", "made smaller"))];
    if (face.liveness) lines.push(livenessRow(face.liveness));
    if (item.faces.length > 1) lines.push(which(item));
    if (face.status === "match" && !fits(face)) lines.push(double(item, face));
    if (face.status === "match" && fits(face)) lines.push(h("p", { class: "small good" }, `Fits the other faces, score ${score(face.score)}.`));
    return lines;
  }

  function which(item) {
    return h(
      "div",
      { class: "row", role: "group", "aria-label": `Which of ${item.faces.length} faces?` },
      h("span", { class: "small" }, "Which one?"),
      item.faces.map((one, at) =>
        h(
          "button",
          {
            type: "button",
            class: "pick",
            "aria-pressed": String(at === item.face),
            "aria-label": `Face ${at + 1}`,
            onclick: () => {
              item.face = at;
              draw(item);
              item.node.querySelectorAll(".pick")[at].focus();
            },
          },
          faceOf(item.picture.bitmap, one.face.box, { side: 56, label: "" }),
        ),
      ),
    );
  }

  function double(item, face) {
    return notice(
      "warn",
      `Looks like ${face.person}, score ${score(face.score)}`,
      h("div", { class: "row" }, cover(gallery, { id: face.id, templates: 1 }), button(`Add to ${face.person} instead`, () => addTo(face.id), { kind: "small" }), forceBox(item)),
    );
  }

  async function addTo(id) {
    try {
      retarget(await get(inGallery(gallery, "persons", id), {}, { signal }));
    } catch (error) {
      complain(error);
    }
  }

  function forceBox(item) {
    const check = h("input", {
      type: "checkbox",
      checked: item.force,
      onchange: () => {
        item.force = check.checked;
        if (item.force) item.problem = null;
        if (!item.force && item.double) draw(item);
        ready();
      },
    });
    return h("label", { class: "check small" }, check, "It is somebody else; add anyway");
  }

  function discard(item) {
    items.splice(items.indexOf(item), 1);
    item.node.remove();
    if (item.picture) release(item.picture);
    ready();
  }

  /** Pictures that can be sent: with a face that is good enough, and that is nobody else's unless the reader says so. */
  function usable() {
    return items.filter((item) => {
      const face = item.problem ? null : item.faces?.[item.face];
      if (!face || face.face.refusals.length) return false;
      return item.force || face.status !== "match" || fits(face);
    });
  }

  /** The face was found to be the very person whom it is for. */
  function fits(face) {
    return target ? face.id === target.id : face.person === name.value.trim();
  }

  function ready() {
    const good = usable();
    save.disabled = busy || !good.length || !(target || name.value.trim());
    fill(save, icon("check"), good.length ? `Add ${count(good.length, "picture")}` : "Add");
    const left = items.filter((item) => item.faces || item.problem).length - good.length;
    if (!busy) state.textContent = good.length && !target && !name.value.trim() ? "A name is missing." : left > 0 ? `${count(left, "picture")} left out, see there` : "";
  }

  async function send() {
    if (save.disabled) return;
    busy = true;
    const good = usable();
    const wanted = name.value.trim();
    let person = target;
    let added = 0;
    const bar = h("progress", { max: good.length, value: 0, "aria-label": "Pictures added" });
    fill(state, bar);
    ready();
    for (const [at, item] of good.entries()) {
      const query = { faces: item.faces.length > 1 ? String(item.faces[item.face].ordinal + 1) : "main", force: item.force || null, ...living.query() };
      const picture = { blob: item.picture.blob, name: item.name };
      try {
        const done = person
          ? await ask("POST", inGallery(gallery, "persons", person.id, "faces"), { body: form([picture]), query, once: true })
          : await ask("POST", inGallery(gallery, "persons"), { body: form([picture], { name: wanted }), query, once: true });
        person = done.person ?? person;
        added += done.added.length;
        if (item.faces.length === 1) for (const note of done.notes) say(`${item.name}: ${note.text}`);
        discard(item);
      } catch (error) {
        if (signal.aborted) return;
        item.problem = error;
        item.double = error.refused.find((one) => one.code === "conflict" && one.person)?.person ?? null;
        draw(item);
        if (error.status === 0 || error.status === 401) break;
      }
      bar.value = at + 1;
    }
    busy = false;
    if (added) say(`${count(added, "face")} of ${person.name} ${added === 1 ? "was" : "were"} added.`);
    if (person && !items.length) {
      page.go("people", person.id);
      return;
    }
    fill(state);
    if (person && person !== target) retarget(person);
    else ready();
  }
}
