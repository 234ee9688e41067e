// Enrolled faces as pictures, people to choose from, quality in words.

import { crop, get, inGallery } from "./api.js";
import { badge, fresh, h, icon } from "./dom.js";
import { refusal } from "./words.js";

/** The kept crop of an enrolled face; a figure stands for one that was not kept. Loaded when it comes into view. */
export function cropOf(gallery, face, label) {
  const place = h("span", { class: "face", role: "img", "aria-label": label }, icon("person"));
  if (face) whenSeen(place, () => crop(gallery, face).then((url) => url && show(place, url), () => {}));
  return place;
}

/** The face that stands for a person; one of whom no more than the id is known is asked for first. */
export function cover(gallery, person) {
  const place = h("span", { class: "face", "aria-hidden": "true" }, icon("person"));
  if (person.cover !== null) {
    whenSeen(place, async () => {
      try {
        const face = person.cover ?? (await get(inGallery(gallery, "persons", person.id))).cover;
        const url = face && (await crop(gallery, face));
        if (url) show(place, url);
      } catch {
        // The person may just have been removed; the figure stays.
      }
    });
  }
  return place;
}

function show(place, url) {
  place.replaceChildren(h("img", { src: url, alt: "", width: "112", height: "112", decoding: "async" }));
}

const waiting = new WeakMap();
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { target, isIntersecting } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      waiting.get(target)?.();
      waiting.delete(target);
    }
  },
  { rootMargin: "200px" },
);

function whenSeen(element, work) {
  waiting.set(element, work);
  watcher.observe(element);
}

const LIVENESS = ["NOT_LIVE", "LIVENESS_UNKNOWN"];

/** Quality from 0 to 1 with a word, or what the gate has against the face. */
export function qualityOf(face) {
  const poor = face.refusals.filter((one) => !LIVENESS.includes(one.code)); // which is told by itself
  if (poor.length) return badge("bad", `Not good enough: ${poor.map(refusal).join(", ")}`, "warn");
  const value = face.quality?.score ?? 0;
  const word = value >= 0.7 ? "Good" : value >= 0.5 ? "Fair" : "Weak";
  return badge(value >= 0.7 ? "good" : value >= 0.5 ? "accent" : "warn", `${word} quality ${Math.round(value * 100)} %`, value >= 0.7 ? "check" : null);
}

/** A search for one person: {node, value()}; value() is the chosen person or null. */
export function picker(gallery, { label, except = [], onchange = () => {} }) {
  const group = fresh("pick");
  const input = h("input", { type: "search", placeholder: "Search by name", "aria-label": label, autocomplete: "off", autofocus: true, oninput: later });
  const list = h("div", { class: "picker", role: "radiogroup", "aria-label": label });
  let chosen = null;
  let timer = null;
  let asked = 0;

  function later() {
    clearTimeout(timer);
    timer = setTimeout(look, 180);
  }

  async function look() {
    const mine = ++asked;
    let items = [];
    try {
      ({ items } = await get(inGallery(gallery, "persons"), { search: input.value.trim(), limit: 30 }));
    } catch (error) {
      list.replaceChildren(h("p", { class: "soft", role: "alert" }, error.message));
      return;
    }
    if (mine !== asked) return;
    const rows = items.filter((one) => !except.includes(one.id));
    list.replaceChildren(
      ...(rows.length
        ? rows.map((one) =>
            h(
              "label",
              { class: "option" },
              h("input", {
                type: "radio",
                name: group,
                checked: chosen?.id === one.id,
                onchange: () => {
                  chosen = one;
                  onchange(one);
                },
              }),
              cover(gallery, one),
              h("span", { class: "clip" }, one.name),
            ),
          )
        : [h("p", { class: "soft" }, "Nobody of that name.")]),
    );
  }

  look();
  return { node: h("div", { class: "stack tight" }, h("div", { class: "search" }, icon("search"), input), list), value: () => chosen };
}
