// Elements from data. Text is always text: nothing in this page reads markup, so a name
// such as <img onerror=…> is shown as it was typed and cannot become an element.

import { SHAPES } from "./icons.js";

const SVG = "http://www.w3.org/2000/svg";

/**
 * An element. Properties: `class`, `dataset`, `style` (an object), `on…` (listeners), anything
 * else is an attribute; null, undefined and false leave it out, true gives the bare attribute.
 */
export function h(tag, properties, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "class") element.className = value;
    else if (name === "dataset") Object.assign(element.dataset, value);
    else if (name === "style") Object.assign(element.style, value);
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value" || name === "checked" || name === "indeterminate") element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  put(element, ...children);
  return element;
}

/** Add children: nodes, texts, numbers, lists of them; null and false are left out. */
export function put(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined || child === false) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** Put other children in the place of those that are there. */
export function fill(element, ...children) {
  element.replaceChildren();
  return put(element, ...children);
}

/** A line drawing; said aloud only where it has a name. */
export function icon(name, { label = null, large = false, spin = false } = {}) {
  const svg = document.createElementNS(SVG, "svg");
  const attributes = {
    viewBox: "0 0 24 24",
    fill: "none",
    stroke: "currentColor",
    "stroke-width": "1.8",
    "stroke-linecap": "round",
    "stroke-linejoin": "round",
    class: ["icon", large && "large", spin && "spin"].filter(Boolean).join(" "),
  };
  if (label) Object.assign(attributes, { role: "img", "aria-label": label });
  else attributes["aria-hidden"] = "true";
  for (const [key, value] of Object.entries(attributes)) svg.setAttribute(key, value);
  const path = document.createElementNS(SVG, "path");
  path.setAttribute("d", SHAPES[name] ?? SHAPES.info);
  svg.append(path);
  return svg;
}

/** An SVG element, for drawings with axes. */
export function s(tag, attributes, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  return put(element, ...children);
}

/** A button. kind: "main", "risk", "plain", "small", or several; without a label `title` says what it does. */
export function button(label, onclick, { icon: name = null, kind = "", title = null, ...more } = {}) {
  return h(
    "button",
    { type: "button", class: `button ${kind} ${label ? "" : "only"}`.trim(), title, "aria-label": label ? null : title, onclick, ...more },
    name && icon(name),
    label,
  );
}

/** A field with its label and, below, a hint. */
export function field(label, control, hint = null) {
  const id = `f${++serial}`;
  const note = hint && h("span", { class: "hint", id: `${id}-hint` }, hint);
  if (note) control.setAttribute("aria-describedby", note.id);
  return h("label", { class: "field" }, h("span", null, label), control, note);
}

/** A select. options: [value, text] pairs. */
export function select(options, value, properties = {}) {
  const element = h(
    "select",
    properties,
    options.map(([key, text]) => h("option", { value: key }, text)),
  );
  element.value = value;
  return element;
}

/** What is shown where there is nothing yet. */
export function empty(name, title, text, ...actions) {
  return h("div", { class: "empty" }, icon(name), h("h2", null, title), h("p", null, text), ...actions);
}

/** A remark within a section. kind: "", "good", "warn", "bad". */
export function notice(kind, title, ...text) {
  const name = { good: "check", warn: "warn", bad: "warn" }[kind] ?? "info";
  return h(
    "div",
    { class: `notice ${kind}` },
    icon(name),
    h("div", { class: "grow wrap" }, title && h("p", null, h("strong", null, title)), text.map((one) => (one instanceof Node ? one : h("p", null, one)))),
  );
}

/** What is shown while something comes. */
export function waiting(text = "Loading") {
  return h("p", { class: "waiting", role: "status" }, icon("wait", { spin: true }), `${text} …`);
}

/** A small label. */
export function badge(kind, text, name = null) {
  return h("span", { class: `badge ${kind}` }, name && icon(name), text);
}

/** A table. columns: {head, cell(item), number, actions}. On a telephone each row becomes a card. */
export function table(caption, columns, items) {
  return h(
    "div",
    { class: "table", tabindex: "0", role: "region", "aria-label": caption },
    h(
      "table",
      { class: "cards" },
      h("caption", { class: "unseen" }, caption),
      h("thead", null, h("tr", null, columns.map((one) => h("th", { scope: "col", class: one.number ? "number" : null }, one.head || h("span", { class: "unseen" }, "Actions"))))),
      h(
        "tbody",
        null,
        items.map((item) =>
          h("tr", null, columns.map((one) => {
            const cell = h("td", { class: one.actions ? "actions" : one.number ? "number" : null, "data-label": one.head || null }, one.cell(item));
            if (cell.textContent === "–") cell.classList.add("none"); // left out where each row is a card
            return cell;
          })),
        ),
      ),
    ),
  );
}

/** Names with their values. */
export function pairs(...rows) {
  return h("dl", { class: "pairs" }, rows.filter(Boolean).map(([name, ...value]) => [h("dt", null, name), h("dd", null, ...value)]));
}

let serial = 0;

/** An id that no other element has. */
export function fresh(prefix) {
  return `${prefix}${++serial}`;
}
