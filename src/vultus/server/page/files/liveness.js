// Whether a face is there in person: the answer with what speaks for it, and the switch that asks for it.

import { get, inGallery } from "./api.js";
import { badge, fill, h, pairs } from "./dom.js";
import { rate } from "./words.js";

export const COVERS = "Evidence, not proof. Silicone masks, make-up, and video injected in the camera's place are not covered.";

const SAYS = { "bona fide": ["good", "speaks for it", "check"], attack: ["bad", "speaks against it", "warn"], nothing: ["", "says nothing", "info"] };
const NAMES = { passive: "Look of the picture", challenge: "What was asked for", person: "One person throughout", plane: "Head or sheet", blink: "Blinks", pulse: "Pulse" };

/** The answer as one word. */
export function liveBadge(answer) {
  if (answer.live === null) return badge("warn", "Living? No answer", "info");
  return answer.live ? badge("good", "Living face", "check") : badge("bad", "Not taken for living", "warn");
}

/** P on a line from 0 to 1 with its threshold, the sentence, and the evidence. Its picture stands beside, where the caller has one. */
export function livenessRow(answer, { open = false } = {}) {
  return h(
    "div",
    { class: "liveness stack tight", role: "group", "aria-label": "Liveness" },
    h("div", { class: "row between" }, liveBadge(answer), answer.score === null ? null : h("span", { class: "small" }, `P(bona fide) ${answer.score.toFixed(3)}`)),
    answer.score === null ? null : probability(answer),
    h("p", { class: "small soft wrap" }, answer.words),
    h("details", { class: "small", open }, h("summary", null, "What it rests on"), signals(answer), birth(answer.point), h("p", { class: "soft" }, COVERS)),
  );
}

function probability({ score, point: { threshold } }) {
  const text = `P(bona fide) ${score.toFixed(3)}, threshold ${threshold.toFixed(3)}`;
  return h(
    "div",
    { class: "meter", role: "img", "aria-label": text, title: text },
    h("div", { class: score >= threshold ? "fill over" : "fill", style: { width: `${score * 100}%` } }),
    h("div", { class: "mark", style: { left: `${threshold * 100}%` } }),
  );
}

/** Each observation with what it says by itself. */
function signals(answer) {
  return h(
    "ul",
    { class: "signals", "aria-label": "Signals" },
    answer.signals.map((one) => {
      const [kind, words, sign] = SAYS[one.says];
      return h("li", null, h("div", { class: "row between" }, h("strong", null, NAMES[one.name] ?? one.name), badge(kind, words, sign)), h("p", { class: "soft wrap" }, one.reason));
    }),
  );
}

function birth(point) {
  return pairs(
    ["Threshold", `${point.threshold.toFixed(3)}: ${point.criterion}`],
    point.apcer && ["Attacks taken for living", `${rate(point.apcer.value)} of the worst kind (${point.apcer.k} of ${point.apcer.n})`],
    point.bpcer && ["Living taken for attacks", `${rate(point.bpcer.value)} (${point.bpcer.k} of ${point.bpcer.n})`],
    ["Set on", `${point.data}, ${point.date}`],
    ["Model", h("code", null, point.model)],
  );
}

let wanted = false; // as long as the tab is open

/** A switch that asks for living faces; where the gallery asks already it says so. {node, query()}. */
export function liveSwitch(gallery, signal) {
  const check = h("input", { type: "checkbox", checked: wanted, onchange: () => (wanted = check.checked) });
  const note = h("span", { class: "soft" });
  const node = h("label", { class: "check small" }, check, h("span", null, "Living faces only ", note));
  get(inGallery(gallery), {}, { signal }).then(
    (found) => {
      if (!found.require_live) return;
      check.checked = true;
      check.disabled = true;
      fill(note, "(this gallery asks for it)");
    },
    () => {},
  );
  return { node, query: () => ({ require_live: check.checked || null }) };
}

export function covers() {
  return h("p", { class: "small soft" }, COVERS);
}

