// What a face shows: the switch that asks for it, and a row of bars. Never what somebody feels.

import { ask, form } from "./api.js";
import { h } from "./dom.js";
import { inWords } from "./messages.js";

export const MEANS = "What the face shows, not what somebody feels. A research estimate, often wrong: no diagnosis, and no ground for a decision about a person.";

let wanted = false; // as long as the tab is open

/** A switch that asks for expressions too. {node, wanted()}. */
export function expressionSwitch() {
  const check = h("input", { type: "checkbox", checked: wanted, onchange: () => (wanted = check.checked) });
  return { node: h("label", { class: "check small" }, check, h("span", null, "Expressions too")), wanted: () => check.checked };
}

/** Ask for the expressions of a picture; a function from a face of it to its row. What is refused is said in each row. */
export async function expressionsOf(picture, signal) {
  let found;
  try {
    found = await ask("POST", ["expression"], { body: form([picture]), signal });
  } catch (error) {
    if (signal.aborted) throw error;
    const [title, text] = inWords(error);
    return () => h("p", { class: "small soft wrap" }, `No expression: ${text || title}`);
  }
  const byBox = new Map(found.faces.map((one) => [one.face.box.join(), one.expression]));
  return (face) => {
    const answer = face.face && byBox.get(face.face.box.join());
    return answer ? expressionRow(answer) : null;
  };
}

/** The most probable expression, a bar for each, and what that is worth. */
export function expressionRow(answer) {
  if (answer.label === null) return h("div", { class: "expression stack tight", role: "group", "aria-label": "Expression" }, h("p", { class: "small soft wrap" }, `No expression told: ${answer.abstained}.`));
  const ranked = Object.entries(answer.scores).sort((one, other) => other[1] - one[1]);
  return h(
    "div",
    { class: "expression stack tight", role: "group", "aria-label": "Expression" },
    h("div", { class: "row between" }, h("span", null, "Shows: ", h("strong", null, answer.label)), h("span", { class: "small" }, percent(answer.probability))),
    h(
      "ul",
      { class: "shares", "aria-label": "Expressions" },
      ranked.map(([name, value]) => h("li", null, h("span", { class: "small" }, name), h("span", { class: "share", "aria-hidden": "true" }, h("span", { style: { width: `${value * 100}%` } })), h("span", { class: "small" }, percent(value)))),
    ),
    h("p", { class: "small soft wrap" }, MEANS),
  );
}

function percent(value) {
  return `${Math.round(value * 100)} %`;
}
