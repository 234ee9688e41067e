// A document photo: what to do first, guides over the picture, the cut, and what was measured.

import { ask, pause } from "./api.js";
import { badge, h, icon, table } from "./dom.js";

// What is told first. A measure belongs to the first that fits.
const GROUPS = [
  ["Framing", /^(SingleFace|InterEye|HeadSize|Leftward|Rightward|Margin|own: (head width|shape|\w+ position))/],
  ["Pose", /^own: (yaw|pitch|roll)$/],
  ["Light", /^(?!EyesOpen|MouthClosed|own: (eyes|mouth|neutral))/],
  ["Eyes and mouth", /^/],
];
const SHORTER = { InterEyeDistance: "move closer" }; // the number is no help to who stands there
const TRIES = 4; // of a picture that the server is too busy for

const group = (row) => GROUPS.findIndex(([, fits]) => fits.test(row.name));

/** Ask how far a picture is fit. A busy server is asked again only where `patient`. */
export async function qualityOf(blob, profile, signal, patient = false) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await ask("POST", ["document", "quality"], { body: blob, query: { profile }, signal });
    } catch (error) {
      if (!patient || tried === TRIES || (error.status !== 429 && error.status !== 503)) throw error;
      await pause(Math.min(error.retryAfter ?? 1, 5) * 1000, signal);
    }
  }
}

/** What to do, the most important first: {name, text}, each thing once. */
export function toDo(quality) {
  const failed = quality.measures.filter((row) => row.passed === false && row.advice).sort((one, other) => group(one) - group(other));
  const told = new Map(failed.map((row) => [SHORTER[row.name] ?? row.advice, row.name]).reverse());
  return [...told].reverse().map(([text, name]) => ({ name, text: sentence(text) }));
}

/** Which of the groups are as they should be. */
export function groups(quality) {
  return h(
    "ul",
    { class: "row", "aria-label": "What is looked at" },
    GROUPS.map(([name], at) => {
      const good = quality.measures.every((row) => row.passed !== false || group(row) !== at);
      return h("li", null, badge(good ? "good" : "warn", `${name}: ${good ? "good" : "not yet"}`, good ? "check" : "warn"));
    }),
  );
}

/** Draw the eye line, the face, crown and chin, and the cut; for `overlay`. */
export function guides(context, { quality, good }, scale) {
  const { points, crop } = quality;
  const at = ([x, y]) => [x * scale, y * scale];
  const [right, left, crown, chin] = [points.right_eye, points.left_eye, points.crown, points.chin].map(at);
  const middle = half(right, left);
  const reach = Math.hypot(left[0] - right[0], left[1] - right[1]) * 1.2;
  const across = [(left[0] - right[0]) * 1.2, (left[1] - right[1]) * 1.2];
  const aside = reach / (Math.hypot(chin[0] - crown[0], chin[1] - crown[1]) || 1);
  const bar = [(chin[1] - crown[1]) * aside, (crown[0] - chin[0]) * aside];
  path(context, points.oval.map(at), good ? "#2fd07f" : "#f4f6f8", { closed: true });
  path(context, [[middle[0] - reach, middle[1]], [middle[0] + reach, middle[1]]], "#c3ccd6", { dash: [3, 5] });
  path(context, around(middle, across), "#9db8ff");
  for (const end of [crown, chin]) path(context, around(end, bar), "#ffb84d");
  if (crop.inside) path(context, crop.corners.map(at), good ? "#2fd07f" : "#f4f6f8", { closed: true, dash: good ? [] : [9, 6], width: good ? 5 : 2.5 });
}

const half = (one, other) => [(one[0] + other[0]) / 2, (one[1] + other[1]) / 2];
const around = ([x, y], [dx, dy]) => [[x - dx, y - dy], [x + dx, y + dy]];

function path(context, points, colour, { closed = false, dash = [], width = 2.5 } = {}) {
  for (const [stroke, line, pattern] of [["rgb(8 12 18 / 55%)", width + 2.5, []], [colour, width, dash]]) {
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.setLineDash(pattern);
    context.beginPath();
    for (const [x, y] of points) context.lineTo(x, y);
    if (closed) context.closePath();
    context.stroke();
  }
  context.setLineDash([]);
}

/** The photo that a document wants, cut from the pixels of the picture: a PNG. */
export function cut(bitmap, { box: [x1, y1, x2, y2], turned, about: [x, y] }) {
  const canvas = h("canvas", { width: x2 - x1, height: y2 - y1 });
  const context = canvas.getContext("2d", { alpha: false });
  context.imageSmoothingQuality = "high";
  for (const grown of [1.01, 1]) { // the larger one below fills what a rounded edge leaves
    context.setTransform(1, 0, 0, 1, x + 0.5 - x1, y + 0.5 - y1); // points are the centres of their pixels
    context.rotate((turned * Math.PI) / 180);
    context.scale(grown, grown);
    context.drawImage(bitmap, -x - 0.5, -y - 0.5);
  }
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the photo cannot be drawn"))), "image/png");
  });
}

/** All that was measured, and what was not. */
export function measures(quality) {
  const seen = quality.measures.filter((row) => !row.origin.startsWith("not assessed"));
  const left = quality.measures.filter((row) => !seen.includes(row));
  return h(
    "div",
    { class: "stack tight" },
    table(
      "Measures",
      [
        { head: "Measure", cell: (row) => h("span", { class: "nowrap", title: row.origin }, row.name) },
        { head: "Measured", number: true, cell: (row) => (row.raw === null ? "–" : h("span", { title: row.unit }, row.raw.toFixed(3))) },
        { head: "0-100", number: true, cell: (row) => row.scalar ?? "–" },
        { head: "Asked", cell: (row) => (row.limit ? h("span", { class: "nowrap" }, asked(row.limit)) : "–") },
        { head: "Pass", cell: (row) => (row.passed === null ? "–" : row.passed ? badge("good", "yes", "check") : badge("bad", "no", "cross")) },
        { head: "What to do", cell: (row) => row.advice || (row.raw === null && row.note) || "–" },
      ],
      seen,
    ),
    h("p", { class: "small soft wrap" }, `${left[0]?.origin ?? "Not assessed"}: ${left.map((row) => row.name).join(", ") || "nothing"}.`),
    h("p", { class: "small soft" }, quality.notice),
  );
}

function asked({ of, low, high }) {
  const what = high === null ? `≥ ${low}` : low === null ? `≤ ${high}` : `${low} … ${high}`;
  return of === "scalar" ? `0-100 ${what}` : what;
}

/** A list of things to do, large. */
export function advice(list) {
  return h("ol", { class: "advice", "aria-label": "What to do" }, list.map((one) => h("li", null, icon(one.good ? "check" : "info"), h("span", null, one.text))));
}

function sentence(text) {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
