// How strict the gallery is: a slider over the error rate, and everything that follows from it.

import { ask, get, inGallery } from "../api.js";
import { badge, button, field, fill, h, notice, pairs, s } from "../dom.js";
import { complain, say } from "../messages.js";
import { noGallery } from "../nogallery.js";
import { may } from "../session.js";
import { count, oneIn, rate, short } from "../words.js";

// The rates of the slider, loose to strict: 1, 2 and 5 of each power of ten.
const STEPS = [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001, 0.0005, 0.0002, 0.0001, 0.00005, 0.00002, 0.00001];

export async function show(page) {
  if (!page.gallery) return noGallery(page);
  const { gallery, signal } = page;
  const path = inGallery(gallery, "operating-point");
  page.head("Thresholds", "A face is given a name only when its score reaches the threshold. Strict means fewer strangers named wrongly, and more people not found; loose the other way round.");
  let current = await get(path, {}, { signal });
  const points = new Map(); // rate -> what follows from it, null where no threshold stands for it
  await Promise.all(STEPS.map(async (fpir) => points.set(fpir, await whatFollows(fpir))));
  const usable = STEPS.filter((fpir) => points.get(fpir));
  const admin = may("admin");

  const slider = h("input", { type: "range", min: 0, max: usable.length - 1, step: 1, id: "strict", "aria-describedby": "follows", oninput: draw, "data-shortcut": "s" });
  slider.value = nearest(usable, current.rates.fpir);
  const searches = h("input", { type: "number", min: 1, max: 10_000_000, value: 500, inputmode: "numeric", oninput: draw });
  const follows = h("div", { id: "follows", "aria-live": "polite" });
  const chart = h("div", { class: "chart" });
  const state = h("div", { class: "row" });
  const save = button("Use this from now on", choose, { icon: "check", kind: "main" });
  const back = button("Back to what holds", () => ((slider.value = nearest(usable, current.rates.fpir)), draw()), { icon: "refresh" });

  fill(
    page.body,
    h(
      "div",
      { class: "two" },
      h(
        "div",
        { class: "stack" },
        h(
          "div",
          { class: "card stack" },
          h("div", { class: "row between" }, h("label", { for: "strict" }, h("strong", null, "How strict")), state),
          slider,
          h("div", { class: "row between small soft", "aria-hidden": "true" }, h("span", null, "loose: finds more, errs more"), h("span", null, "strict")),
          follows,
          admin ? h("div", { class: "row" }, save, back) : h("p", { class: "small soft" }, "An administrator decides which of these holds."),
        ),
        h("div", { class: "card" }, h("h2", null, "False names by threshold"), chart),
      ),
      h("div", { class: "stack" }, h("div", { class: "card stack" }, h("h2", null, "What it means here"), field("Searches of strangers a day", searches, "Visitors, passers-by: faces that are not in the gallery."), h("div", { id: "daily" })), comparing(), about()),
    ),
  );
  draw();

  async function whatFollows(fpir) {
    try {
      return await get(path, { fpir }, { signal });
    } catch (error) {
      if (error.code === "no_operating_point") return null;
      throw error;
    }
  }

  function chosen() {
    return usable[Number(slider.value)];
  }

  function draw() {
    const fpir = chosen();
    const point = points.get(fpir);
    const holds = fpir === current.rates.fpir;
    slider.setAttribute("aria-valuetext", `${rate(fpir)} of strangers' searches, threshold ${point.identify.threshold.toFixed(3)}`);
    fill(state, holds ? badge("good", "holds now", "check") : badge("warn", admin ? "not saved" : "only looked at"));
    fill(
      follows,
      h(
        "dl",
        { class: "figures" },
        figure("Threshold", point.identify.threshold.toFixed(3), "score that a match must reach"),
        figure("FPIR", rate(fpir), `predicted for this gallery: searches of a stranger that name somebody, ${oneIn(fpir)}`),
        figure("FMR", rate(point.fmr_of_identify), "pairs of different people that score as high"),
      ),
      point.identify.extrapolated ? notice("warn", null, "This rate is rarer than the calibration data can show; the threshold is extrapolated.") : null,
    );
    const n = Math.max(0, Number(searches.value) || 0);
    const wrong = n * fpir;
    fill(
      document.getElementById("daily"),
      h("p", { class: "wrap" }, "About ", h("strong", null, wrong >= 10 ? Math.round(wrong).toLocaleString("en") : wrong >= 0.95 ? wrong.toFixed(1) : `one every ${span(1 / wrong)}`), wrong >= 0.95 ? " strangers a day would be given somebody's name." : " would be given somebody's name."),
    );
    fill(chart, curve(usable, points, fpir, current.rates.fpir));
    save.disabled = holds;
    back.disabled = holds;
  }

  async function choose() {
    const fpir = chosen();
    save.disabled = true;
    try {
      current = await ask("PUT", path, { body: { fpir, fmr: current.rates.fmr }, once: true });
      say(`From now on ${rate(fpir)} of strangers' searches may name somebody.`);
    } catch (error) {
      complain(error);
    }
    draw();
  }

  function comparing() {
    const { verify } = current;
    return h("div", { class: "card stack tight" }, h("h2", null, "Comparing two pictures"), pairs(["Threshold", verify.threshold.toFixed(3)], ["FMR", `${rate(verify.target)}, ${oneIn(verify.target)} pairs of different people pass as one`]));
  }

  function about() {
    const { identify } = current;
    return h(
      "div",
      { class: "card stack tight" },
      h("h2", null, "Where the numbers come from"),
      pairs(["Gallery", `${count(identify.people, "person", "people")}, ${identify.templates.toFixed(1)} faces each`], ["Data", identify.data || "not stated"], identify.date && ["Measured", identify.date], ["Model", h("code", { title: identify.contract }, short(identify.contract))]),
      h("p", { class: "small soft" }, "The rate is predicted for the size of this gallery, so the threshold rises as people are added. How many of your own people are missed (FNIR) depends on your cameras; measure it with vultus evaluate identification."),
    );
  }
}

function figure(name, value, text) {
  return h("div", null, h("dt", null, name), h("dd", null, h("strong", null, value), h("span", { class: "small soft" }, text)));
}

function nearest(rates, wanted) {
  let best = 0;
  for (const [at, one] of rates.entries()) if (Math.abs(Math.log(one / wanted)) < Math.abs(Math.log(rates[best] / wanted))) best = at;
  return best;
}

function span(days) {
  if (days < 60) return `${Math.round(days)} days`;
  if (days < 730) return `${Math.round(days / 30)} months`;
  return `${Math.round(days / 365).toLocaleString("en")} years`;
}

/** FPIR and FMR against the threshold, both on a logarithmic scale. */
function curve(rates, points, chosen, holding) {
  const [width, height, left, bottom, top, right] = [560, 230, 92, 34, 14, 18];
  const all = rates.map((fpir) => ({ fpir, x: points.get(fpir).identify.threshold, fmr: points.get(fpir).fmr_of_identify }));
  const xs = all.map((one) => one.x);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const low = Math.floor(Math.log10(Math.min(...all.map((one) => Math.max(one.fmr, 1e-12)))));
  const X = (x) => left + ((x - x0) / (x1 - x0 || 1)) * (width - left - right);
  const Y = (value) => top + (Math.log10(Math.max(value, 10 ** low)) / low) * (height - top - bottom);
  const line = (key) => all.map((one, at) => `${at ? "L" : "M"}${X(one.x).toFixed(1)} ${Y(one[key]).toFixed(1)}`).join("");
  const mark = all.find((one) => one.fpir === chosen);
  const holds = all.find((one) => one.fpir === holding);
  const decades = Array.from({ length: -low + 1 }, (_, at) => -at).filter((power) => low > -7 || power % 2 === 0);
  const ticks = Array.from({ length: 5 }, (_, at) => x0 + ((x1 - x0) * at) / 4);
  const svg = s(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `At threshold ${mark.x.toFixed(3)} the FPIR is ${rate(mark.fpir)} and the FMR ${rate(mark.fmr)}. Both fall as the threshold rises.` },
    decades.map((power) => [s("line", { x1: left, x2: width - right, y1: Y(10 ** power), y2: Y(10 ** power), class: "grid" }), s("text", { x: left - 8, y: Y(10 ** power) + 4, "text-anchor": "end" }, power ? oneIn(10 ** power) : "always")]),
    ticks.map((x) => s("text", { x: X(x), y: height - 14, "text-anchor": "middle" }, x.toFixed(2))),
    s("text", { x: (left + width - right) / 2, y: height - 1, "text-anchor": "middle" }, "threshold"),
    holds && s("line", { x1: X(holds.x), x2: X(holds.x), y1: top, y2: height - bottom, class: "holds" }),
    s("line", { x1: X(mark.x), x2: X(mark.x), y1: top, y2: height - bottom, class: "now" }),
    s("path", { d: line("fpir"), class: "fpir" }),
    s("path", { d: line("fmr"), class: "fmr" }),
    s("circle", { cx: X(mark.x), cy: Y(mark.fpir), r: 5, class: "fpir dot" }),
    s("circle", { cx: X(mark.x), cy: Y(mark.fmr), r: 5, class: "fmr dot" }),
  );
  return h("figure", null, svg, h("figcaption", { class: "row small" }, h("span", { class: "key fpir" }, "FPIR: a stranger is named"), h("span", { class: "key fmr" }, "FMR: a pair passes as one")));
}

