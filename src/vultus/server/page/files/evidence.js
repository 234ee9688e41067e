// A decision with what it rests on: score against threshold, error rate, data, quality.

import { ask, inGallery } from "./api.js";
import { badge, button, h, icon, pairs } from "./dom.js";
import { qualityOf } from "./faces.js";
import { livenessRow } from "./liveness.js";
import { complain, dialog, say } from "./messages.js";
import { may } from "./session.js";
import { count, DECIDED, oneIn, rate, score, short, STATUS, STATUS_MEANS } from "./words.js";

/** One face's decision as a list item. onstrong(true|false): the reader points at it. */
export function decision(one, operating, { thumb = null, gallery, number = null, sha256 = null, when = null, onstrong = () => {}, beside = null }) {
  const [word, sign] = wordOf(one);
  const name = one.status === "match" ? h("a", { class: "name clip", href: `#/people/${one.id}` }, one.person) : h("span", { class: "name" }, word);
  return h(
    "li",
    { class: "decision", onmouseenter: () => onstrong(true), onmouseleave: () => onstrong(false), onfocusin: () => onstrong(true), onfocusout: () => onstrong(false) },
    thumb ?? h("span", { class: "face" }, icon("person")),
    h(
      "div",
      { class: "grow stack tight" },
      h("div", { class: "row between" }, h("div", { class: "row grow" }, number !== null && h("span", { class: "unseen" }, `Face ${number}: `), name), badge(one.status, word, sign)),
      one.status !== "rejected" && operating && measured(one.score, operating.threshold),
      when && h("p", { class: "small soft wrap" }, when),
      h("p", { class: "small soft" }, one.status === "rejected" ? rejected(one) : sentence(one, operating)),
      one.face && h("div", { class: "row" }, qualityOf(one.face)),
      one.liveness && livenessRow(one.liveness),
      beside,
      h(
        "details",
        { class: "small" },
        h("summary", null, "Evidence"),
        evidence(one, operating),
        one.status === "match" && sha256 && may("enroller") && h("div", null, button("This is not that person", () => reject(gallery, one, sha256), { icon: "cross", kind: "small" })),
      ),
    ),
  );
}

/** What stands beside a box. */
export function label(one) {
  if (one.status === "match") return one.score === null ? one.person : `${one.person}  ${one.score.toFixed(2)}`;
  return wordOf(one)[0];
}

function wordOf(one) {
  if (one.status === "rejected" && one.liveness && one.liveness.live !== true) return one.liveness.live === false ? DECIDED.not_live : ["Living?", "info"];
  return STATUS[one.status] ?? [one.status, "info"];
}

function sentence(one, operating) {
  if (!operating) return "Nobody in the gallery could be compared with.";
  if (one.status === "match") return `A stranger is named wrongly in ${oneInPlain(operating.target)} searches of this gallery.`;
  return STATUS_MEANS[one.status] ?? "";
}

function rejected(one) {
  if (one.liveness && one.liveness.live !== true) return "Not searched: a living face is asked for. Whom it shows is not said.";
  return STATUS_MEANS.rejected;
}

function oneInPlain(value) {
  return oneIn(value).replace(" in ", " of ");
}

/** The meter with its number, which the meter itself says aloud. */
function measured(value, threshold) {
  const told = value === null ? `< ${threshold.toFixed(2)}` : score(value);
  return h("div", { class: "measured" }, meter(value, threshold), h("span", { class: "small", "aria-hidden": "true" }, told));
}

/** The score on a line from 0 to 1, with the threshold marked. */
export function meter(value, threshold) {
  const text = value === null ? `Score below the threshold ${threshold.toFixed(2)}; how far is not told` : `Score ${score(value)}, threshold ${threshold.toFixed(2)}`;
  const at = (x) => `${Math.max(0, Math.min(1, x)) * 100}%`;
  return h(
    "div",
    { class: "meter", role: "img", "aria-label": text, title: text },
    h("div", { class: value === null ? "fill hidden" : value >= threshold ? "fill over" : "fill", style: { width: value === null ? at(threshold) : at(value) } }),
    h("div", { class: "mark", style: { left: at(threshold) } }),
  );
}

function evidence(one, operating) {
  const others = one.candidates.filter((other) => other.id !== one.id);
  return pairs(
    ["Meaning", one.status === "rejected" ? rejected(one) : (STATUS_MEANS[one.status] ?? one.status)],
    ["Score", one.score === null ? "below the threshold, not told" : score(one.score)],
    operating && ["Threshold", operating.threshold.toFixed(3)],
    operating && ["Error rate", `${operating.metric} ${rate(operating.target)} against ${count(operating.people, "person", "people")}${operating.extrapolated ? ", beyond what the data can show" : ""}`],
    operating && ["Set on", operating.data],
    operating && ["Model", h("code", { title: operating.contract }, short(operating.contract))],
    others.length ? ["Also over the threshold", others.map((other) => h("div", null, h("a", { href: `#/people/${other.id}` }, other.person), ` ${score(other.score)}`))] : null,
    one.face && ["Box", `${one.face.box.join(", ")} pixels`],
  );
}

async function reject(gallery, one, sha256) {
  const done = await dialog(
    `Not ${one.person}?`,
    [h("p", null, "It will be remembered that this face is not that person. They are left out whenever this picture is searched again.")],
    [{ label: "Remember it", icon: "check", run: () => ask("POST", inGallery(gallery, "feedback"), { body: { face: sha256, person: one.id, ordinal: one.ordinal } }) }],
  ).catch(complain);
  if (done) say("It is remembered.");
}
