// Boxes and names drawn on a canvas that lies over a picture or a video. Statuses differ in
// line and sign as well as in colour.

import { h } from "./dom.js";

// Fixed colours, since they stand on pictures and not on the page.
const LOOK = {
  match: { colour: "#2fd07f", dash: [] },
  unknown: { colour: "#ffb84d", dash: [9, 6] },
  ambiguous: { colour: "#ff7d72", dash: [3, 5] },
  conflict: { colour: "#ff7d72", dash: [3, 5] },
  rejected: { colour: "#c3ccd6", dash: [2, 6] },
  found: { colour: "#9db8ff", dash: [] },
};

/** Over a picture or video element: {node, draw(size, marks), clear()}; the node holds both. paint(context, mark, scale, …) draws one. */
export function overlay(media, label, paint = one) {
  const canvas = h("canvas", { class: "over", "aria-hidden": "true" });
  const node = h("div", { class: "pane", role: "group", "aria-label": label }, media, canvas);
  let last = null;

  /** size: [width, height] of the picture that the boxes are of. marks: {box, status, text, strong}. */
  function draw(size, marks) {
    last = [size, marks];
    const { width, height } = media.getBoundingClientRect();
    if (!width || !height) return;
    const ratio = window.devicePixelRatio || 1;
    if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
      canvas.width = Math.round(width * ratio);
      canvas.height = Math.round(height * ratio);
    }
    const context = canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const scale = width / size[0];
    for (const mark of marks) paint(context, mark, scale, width, height);
  }

  function clear() {
    draw(last?.[0] ?? [1, 1], []);
  }

  const watcher = new ResizeObserver(() => last && draw(...last));
  watcher.observe(media);
  return { node, canvas, draw, clear };
}

function one(context, { box, status, text, strong = false }, scale, width, height) {
  const { colour, dash } = LOOK[status] ?? LOOK.found;
  const [x1, y1, x2, y2] = box.map((value) => value * scale);
  const corner = Math.min(8, (x2 - x1) / 6);
  for (const [stroke, line, pattern] of [
    ["rgb(8 12 18 / 55%)", strong ? 8 : 5, []],
    [colour, strong ? 4 : 2.5, dash],
  ]) {
    context.strokeStyle = stroke;
    context.lineWidth = line;
    context.setLineDash(pattern);
    context.beginPath();
    context.roundRect(x1, y1, x2 - x1, y2 - y1, corner);
    context.stroke();
  }
  context.setLineDash([]);
  if (text) plate(context, text, colour, [x1, y1, x2, y2], width, height);
}

function plate(context, text, colour, [x1, y1, , y2], width, height) {
  context.font = "600 13px system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
  const most = Math.max(60, width - 12);
  const shown = shorten(context, text, most - 16);
  const w = context.measureText(shown).width + 16;
  const tall = 24;
  const x = Math.max(4, Math.min(x1, width - w - 4));
  const below = y2 + 6 + tall <= height - 2;
  const y = below ? y2 + 6 : Math.max(4, y1 - tall - 6);
  context.fillStyle = "rgb(8 12 18 / 82%)";
  context.beginPath();
  context.roundRect(x, y, w, tall, 6);
  context.fill();
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(shown, x + 8, y + tall / 2 + 0.5);
}

function shorten(context, text, most) {
  if (context.measureText(text).width <= most) return text;
  let short = [...text];
  while (short.length > 1 && context.measureText(`${short.join("")}…`).width > most) short = short.slice(0, -1);
  return `${short.join("")}…`;
}
