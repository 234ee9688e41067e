// Who is this? Pictures or the camera, with the evidence of every answer.

import { ask, form, inGallery } from "../api.js";
import { button, fill, fresh, h, icon, notice } from "../dom.js";
import { decision, label } from "../evidence.js";
import { expressionSwitch, expressionsOf } from "../expression.js";
import { liveSwitch } from "../liveness.js";
import { inWords } from "../messages.js";
import { noGallery } from "../nogallery.js";
import { overlay } from "../overlay.js";
import { dropPlace, faceOf, prepare, release } from "../pictures.js";
import { remember } from "../session.js";
import { count, STATUS } from "../words.js";
import { live } from "./live.js";

const ANALYSED_AT_ONCE = 2;

export async function show(page, parts) {
  if (!page.gallery) return noGallery(page);
  const camera = parts[0] === "camera";
  page.head(
    "Identify",
    "Faces are compared with everybody in the gallery. Who does not reach the threshold stays unknown.",
    h(
      "div",
      { class: "switcher", role: "group", "aria-label": "Source" },
      way("Pictures", "picture", !camera, () => page.go("identify")),
      way("Camera", "video", camera, () => page.go("identify", "camera")),
    ),
  );
  return camera ? live(page) : pictures(page);
}

function way(label, name, pressed, onclick) {
  return h("button", { type: "button", "aria-pressed": String(pressed), onclick, "data-shortcut": label === "Camera" ? "w" : "p" }, icon(name), label);
}

function pictures(page) {
  const { gallery, signal } = page;
  const list = h("div", { class: "stack", "aria-live": "polite", "aria-relevant": "additions" });
  const held = [];
  const waiting = [];
  let running = 0;
  signal.addEventListener("abort", () => held.forEach(release));
  const place = dropPlace(take, { signal, text: "or drop them here, or paste one. Pictures are read by this server and not kept." });
  const living = liveSwitch(gallery, signal);
  const showing = expressionSwitch();
  fill(page.body, h("div", { class: "stack" }, place, h("div", { class: "row" }, living.node, showing.node), list));

  function take(files) {
    place.classList.add("slim"); // answers need the room
    for (const file of files) {
      const card = h("article", { class: "card result", "aria-label": file.name || "Pasted picture" });
      fill(card, h("p", { class: "waiting" }, icon("wait", { spin: true }), file.name || "Picture", " …"));
      list.prepend(card);
      waiting.push(() => one(file, card));
    }
    next();
  }

  function next() {
    while (running < ANALYSED_AT_ONCE && waiting.length && !signal.aborted) {
      running += 1;
      waiting.shift()().finally(() => {
        running -= 1;
        next();
      });
    }
  }

  async function one(file, card) {
    let picture = null;
    try {
      picture = await prepare(file);
      held.push(picture);
      const [found, shown] = await Promise.all([
        ask("POST", inGallery(gallery, "identify"), { body: form([picture]), query: { candidates: 5, ...living.query() }, signal }),
        showing.wanted() ? expressionsOf(picture, signal) : null,
      ]);
      result(card, picture, found, shown);
    } catch (error) {
      if (signal.aborted) return;
      fill(card, h("div", { class: "stack tight" }, h("strong", { class: "wrap" }, file.name || "Picture"), notice("bad", null, ...inWords(error)), h("div", null, button("Try again", () => one(file, card), { icon: "refresh", kind: "small" }))));
    }
  }

  function result(card, picture, found, shown) {
    const title = fresh("r");
    const media = picture.url ? h("img", { src: picture.url, alt: `${picture.name}: ${spoken(found.faces)}` }) : null;
    const pane = media && overlay(media, `Faces on ${picture.name}`);
    const rows = found.faces.map((face, at) => {
      const thumb = face.face && faceOf(picture.bitmap, face.face.box, { label: `Face ${at + 1}` });
      remember({ at: new Date().toISOString(), gallery, source: picture.name, ...face, operating: found.operating, thumb: thumb && copyOf(thumb), request: found.request_id });
      return decision(face, found.operating, { thumb, gallery, number: at + 1, sha256: found.sha256, onstrong: (strong) => paint(strong ? at : null), beside: shown?.(face) });
    });

    function paint(strong) {
      pane.draw(found.size, found.faces.filter((one) => one.face).map((one, at) => ({ box: one.face.box, status: one.status, text: label(one), strong: at === strong })));
    }

    fill(
      card,
      h("div", { class: "row between" }, h("h2", { id: title, class: "clip grow" }, picture.name), h("span", { class: "soft small" }, count(found.faces.length, "face"), picture.smaller ? ", made smaller" : "")),
      h(
        "div",
        { class: "seen" },
        pane ? pane.node : notice("", "This browser cannot show the picture", "The server could read it."),
        rows.length ? h("ol", { class: "stack tight", "aria-label": "Faces" }, rows) : h("p", { class: "soft" }, "No face was found."),
      ),
    );
    if (media) {
      if (media.complete) paint(null);
      media.addEventListener("load", () => paint(null));
    }
  }
}

function spoken(faces) {
  if (!faces.length) return "no face";
  return faces.map((one) => (one.status === "match" ? one.person : (STATUS[one.status]?.[0] ?? one.status).toLowerCase())).join(", ");
}

function copyOf(canvas) {
  const copy = h("canvas", { width: canvas.width, height: canvas.height, class: "face" });
  copy.getContext("2d").drawImage(canvas, 0, 0);
  return copy;
}
