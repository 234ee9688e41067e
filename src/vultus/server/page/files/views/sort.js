// Unknown faces sorted into people: many pictures in, groups out, each named or given to
// somebody who is known. Dragging is one way, the field and button of each group another.

import { all, ask, form, get, inGallery, pause } from "../api.js";
import { badge, button, empty, field, fill, h, icon, notice, select } from "../dom.js";
import { cover } from "../faces.js";
import { complain, inWords, say, trouble } from "../messages.js";
import { noGallery } from "../nogallery.js";
import { bounds, cutOut, dropPlace, faceOf, jpeg, prepare, release } from "../pictures.js";
import { may } from "../session.js";
import { bytes, count, oneIn, score } from "../words.js";

const LONGEST = 2000; // pixels of a picture that is sent to be sorted
const STRICTNESS = [
  ["0.00001", "Very strict: more, purer groups"],
  ["0.0001", "Strict"],
  ["0.001", "Loose: fewer, larger groups"],
];

export async function show(page) {
  if (!page.gallery) return noGallery(page);
  const { gallery, signal } = page;
  const pictures = [];
  let running = null;

  const strict = select(STRICTNESS, "0.0001");
  const startButton = button("Sort", sort, { icon: "sort", kind: "main", disabled: true, "data-shortcut": "s" });
  const state = h("div", { class: "grow", role: "status" });
  const out = h("div", { class: "stack" });
  page.head("Sort faces", "Give pictures of people whom nobody has named. Faces that look alike become one group; then say who each group is.");
  fill(
    page.body,
    h(
      "div",
      { class: "stack" },
      dropPlace(take, { signal, text: "or drop many here. They are read by this server, sorted, and not kept; faces are kept only when you name a group." }),
      h("div", { class: "card row" }, field("How strict", strict), startButton, state),
      out,
    ),
  );
  signal.addEventListener("abort", () => {
    pictures.forEach(release);
    running?.abort();
  });

  async function take(files) {
    for (const file of files) {
      try {
        pictures.push(await smaller(await prepare(file)));
      } catch (error) {
        complain(error);
      }
      tell();
    }
  }

  function tell() {
    startButton.disabled = !pictures.length || running !== null;
    if (!running) fill(state, count(pictures.length, "picture"), pictures.length ? button("Leave all out", clear, { kind: "plain small" }) : null);
  }

  function clear() {
    pictures.splice(0).forEach(release);
    fill(out);
    tell();
  }

  async function sort() {
    const mine = new AbortController();
    running = mine;
    const bar = h("progress", { max: 1, value: 0, "aria-label": "Pictures sorted" });
    const text = h("span", { class: "small soft" }, "Sending …");
    fill(state, h("div", { class: "progress" }, bar, h("div", { class: "row between" }, text, button("Stop", () => mine.abort(), { icon: "stop", kind: "small" }))));
    startButton.disabled = true;
    fill(out);
    let job = null;
    try {
      const limits = await bounds();
      const size = pictures.reduce((sum, one) => sum + one.blob.size, 0);
      if (size > limits.request_bytes * 0.98) throw new Error(`${bytes(size)} of pictures are more than the ${bytes(limits.request_bytes)} that can be sent at once. Leave some out and sort them afterwards.`);
      const body = form(pictures.map((one, at) => ({ blob: one.blob, name: `${at}` })));
      job = await ask("POST", ["jobs", "cluster"], { body, query: { fmr: strict.value }, signal: mine.signal });
      for (let wait = 60; job.status === "queued" || job.status === "running"; wait = Math.min(1000, wait * 1.5)) {
        if (job.total) Object.assign(bar, { max: job.total, value: job.done });
        text.textContent = job.status === "queued" ? "Waiting for its turn …" : `${job.done} of ${job.total ?? pictures.length} pictures`;
        await pause(wait, mine.signal);
        job = await get(["jobs", job.id], {}, { signal: mine.signal });
      }
      if (job.problem && job.status !== "done") throw Object.assign(new Error(job.problem.title), { code: job.problem.code, title: job.problem.title, detail: job.problem.detail, status: job.problem.status });
      groups(job.rows);
    } catch (error) {
      if (!signal.aborted && error.name !== "AbortError") fill(out, error.code === undefined ? notice("bad", "That did not work", error.message) : trouble(error, sort));
    } finally {
      running = null;
      if (job) ask("DELETE", ["jobs", job.id]).catch(() => {}); // the faces need not stay in the server's memory
      if (!signal.aborted) tell();
    }
  }

  function groups(rows) {
    const faces = rows.filter((row) => row.face);
    const broken = rows.filter((row) => row.problem);
    const byCluster = group(faces);
    const alone = byCluster.get(null) ?? [];
    byCluster.delete(null);
    const cards = [...byCluster].sort(([a], [b]) => a - b).map(([number, members]) => groupCard(`Group ${number}`, members));
    const singles = alone.map((row, at) => groupCard(`Alone ${at + 1}`, [row]));
    const people = may("enroller") ? side() : null;
    fill(
      out,
      broken.length ? notice("warn", `${count(broken.length, "picture")} could not be read`, broken.map((row) => pictures[row.picture].name).join(", ")) : null,
      faces.length
        ? h(
            "div",
            { class: people ? "two sorting" : "" },
            h(
              "div",
              { class: "stack" },
              h("p", { role: "status" }, `${count(faces.length, "face")}: ${count(cards.length, "group")}, ${alone.length} alone. Cut where ${oneIn(Number(strict.value))} pairs of different people look as alike.`),
              cards,
              singles.length ? h("details", { open: !cards.length }, h("summary", null, `${count(singles.length, "face")} without a second picture`), h("div", { class: "stack" }, singles)) : null,
            ),
            people,
          )
        : empty("people", "No face was found", "Try pictures in which faces are larger and seen from the front."),
    );
  }

  function groupCard(title, members) {
    const node = h("section", { class: "card group", "aria-label": title });
    const kept = new Set(members);
    const tiles = h(
      "ul",
      { class: "tiles" },
      members.map((row) => {
        const name = pictures[row.picture].name;
        const check = h("input", { type: "checkbox", checked: true, "aria-label": `Face on ${name} belongs to ${title}`, onchange: () => (check.checked ? kept.add(row) : kept.delete(row)) });
        return h("li", { title: name }, h("label", null, faceOf(pictures[row.picture].bitmap, row.face.box, { label: "" }) ?? h("span", { class: "face" }, icon("person")), check));
      }),
    );
    const wrong = h("div", null);
    const heading = h("h2", null, title);
    const hint = h("span", { class: "small soft" });
    const head = h("div", { class: "row between" }, h("div", { class: "row" }, heading, hint), badge("", count(members.length, "face")));
    if (!may("enroller")) {
      fill(node, head, tiles);
      return node;
    }
    const input = h("input", { list: "everybody", maxlength: "255", autocomplete: "off", placeholder: "Name", "aria-label": `Name of ${title}` });
    const form_ = h(
      "form",
      {
        class: "row",
        onsubmit: (event) => {
          event.preventDefault();
          if (input.value.trim()) give(input.value.trim());
        },
      },
      input,
      button("Save", null, { icon: "check", kind: "main", type: "submit" }),
      button("Who is it?", suggest, { icon: "scan" }),
      hint,
    );
    fill(node, head, tiles, form_, wrong);
    node.draggable = true;
    node.addEventListener("dragstart", (event) => {
      event.dataTransfer.setData("text/plain", title);
      event.dataTransfer.effectAllowed = "move";
      dragged = give;
      document.body.classList.add("dragging");
    });
    node.addEventListener("dragend", () => {
      dragged = null;
      document.body.classList.remove("dragging");
    });

    /** Enrol the faces of the group under a name; each is cut out of its picture, so that only it is kept. */
    async function give(name) {
      const rows = [...kept];
      const bar = h("progress", { max: rows.length, value: 0, "aria-label": `Faces of ${title} saved` });
      fill(wrong, bar);
      for (const control of form_.elements) control.disabled = true;
      const refused = [];
      let person = null;
      let added = 0;
      for (const [at, row] of rows.entries()) {
        const picture = pictures[row.picture];
        try {
          const blob = picture.bitmap ? await cutOut(picture.bitmap, row.face.box) : picture.blob;
          const done = await ask("POST", inGallery(gallery, "persons"), { body: form([{ blob, name: picture.name }], { name }), query: { faces: "centre" }, once: true });
          person = done.person ?? person;
          added += done.added.length + done.unchanged.length;
        } catch (error) {
          if (signal.aborted) return;
          refused.push([picture.name, error]);
          if (error.status === 0 || error.status === 401 || error.status === 403) break;
        }
        bar.value = at + 1;
      }
      for (const control of form_.elements) control.disabled = false;
      if (!added) {
        fill(wrong, refused.length ? notice("bad", null, ...inWords(refused[0][1])) : null);
        return;
      }
      say(`${count(added, "face")} of ${title} went to ${person?.name ?? name}.`);
      const next = node.nextElementSibling?.querySelector("input:not([type=checkbox])") ?? document.querySelector("main h1");
      fill(
        node,
        h("div", { class: "row between" }, h("div", { class: "row" }, icon("check"), h("strong", { class: "wrap" }, person?.name ?? name)), person && h("a", { href: `#/people/${person.id}` }, "Look")),
        refused.length ? h("ul", { class: "small soft" }, refused.map(([file, error]) => h("li", null, `${file}: ${error.title}. ${error.detail}`))) : null,
      );
      node.classList.add("finished");
      node.draggable = false;
      next?.focus();
      renewSide();
    }

    /** Ask the gallery about the best face of the group. */
    async function suggest() {
      const best = members.reduce((a, b) => ((b.face.quality?.score ?? 0) > (a.face.quality?.score ?? 0) ? b : a));
      const picture = pictures[best.picture];
      if (!picture.bitmap) return;
      try {
        const blob = await cutOut(picture.bitmap, best.face.box);
        const found = await ask("POST", inGallery(gallery, "identify"), { body: blob, query: { faces: "centre", candidates: 1 }, signal });
        const one = found.faces[0];
        hint.textContent = one?.status === "match" ? `Looks like ${one.person}, score ${score(one.score)}` : "Nobody in the gallery";
        if (one?.status === "match") input.value = one.person;
        input.focus();
      } catch (error) {
        complain(error);
      }
    }
    return node;
  }

  // Those who are known: a place to drop groups on, and names to choose from while typing.
  const known = h("ul", { class: "known", "aria-label": "People" });
  const names = h("datalist", { id: "everybody" });

  function side() {
    renewSide();
    return h("aside", { class: "card", "aria-label": "People who are known" }, h("h2", null, "People"), h("p", { class: "small soft" }, "Drag a group onto a person, or type a name in the group."), known, names);
  }

  async function renewSide() {
    try {
      const people = await all(inGallery(gallery, "persons"), {}, 2000);
      fill(names, people.map((one) => h("option", { value: one.name })));
      fill(known, people.map(target));
      if (!people.length) fill(known, h("li", { class: "soft small" }, "Nobody yet. Name the first group."));
    } catch (error) {
      if (!signal.aborted) fill(known, h("li", null, error.message));
    }
  }

  function target(one) {
    const node = h(
      "li",
      {
        ondragover: (event) => {
          event.preventDefault();
          node.classList.add("over");
        },
        ondragleave: () => node.classList.remove("over"),
        ondrop: (event) => {
          event.preventDefault();
          node.classList.remove("over");
          dragged?.(one.name);
        },
      },
      cover(gallery, one),
      h("span", { class: "clip" }, one.name),
    );
    return node;
  }

  tell();
}

let dragged = null; // what to do with the group that is being dragged, given a name

function group(rows) {
  const made = new Map();
  for (const row of rows) made.set(row.cluster, [...(made.get(row.cluster) ?? []), row]);
  return made;
}

/** A picture small enough to be sent together with many others. */
async function smaller(picture) {
  if (!picture.bitmap || Math.max(picture.bitmap.width, picture.bitmap.height) <= LONGEST) return picture;
  const scale = LONGEST / Math.max(picture.bitmap.width, picture.bitmap.height);
  const canvas = h("canvas", { width: Math.round(picture.bitmap.width * scale), height: Math.round(picture.bitmap.height * scale) });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture.bitmap, 0, 0, canvas.width, canvas.height);
  release(picture);
  const blob = await jpeg(canvas, 0.9);
  return { blob, name: picture.name, url: URL.createObjectURL(blob), bitmap: await createImageBitmap(blob), smaller: true };
}
