// Keys for those who do not reach for the mouse. They can be switched off, since single keys
// get in the way of speech input.

import { h } from "./dom.js";
import { covered, dialog } from "./messages.js";
import { sectionsFor } from "./sections.js";
import { session } from "./session.js";

const STORED = "vultus.shortcuts";
const PATIENCE = 1500; // ms between g and its letter

let waitingSince = 0;
let on = true;

try {
  on = localStorage.getItem(STORED) !== "off";
} catch {
  // Storage may be forbidden: then they are on.
}

export function installShortcuts({ go }) {
  document.addEventListener("keydown", (event) => {
    if (!on || !session.caller || covered() || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    if (Date.now() - waitingSince < PATIENCE) {
      waitingSince = 0;
      const section = sectionsFor().find((one) => one.letter === event.key);
      if (section) {
        event.preventDefault();
        go(section.id);
      }
      return;
    }
    if (event.key === "g") waitingSince = Date.now();
    else if (event.key === "?") showShortcuts();
    else {
      const target = document.querySelector(`main [data-shortcut="${CSS.escape(event.key)}"]`);
      if (!target) return;
      event.preventDefault();
      if (target.matches("input")) {
        target.focus();
        target.select();
      } else target.click();
    }
  });
}

export function showShortcuts() {
  const own = [...document.querySelectorAll("main [data-shortcut]")].map((one) => [one.dataset.shortcut, one.getAttribute("aria-label") || one.textContent || one.labels?.[0]?.firstElementChild?.textContent || one.labels?.[0]?.textContent]);
  const rows = [
    ["?", "This list"],
    ...sectionsFor().map((one) => [`g ${one.letter}`, one.label]),
    ...own,
    ["Tab", "To the next control; Shift Tab to the one before"],
    ["Enter", "Press the button, open the person"],
    ["Space", "Choose a person or a face"],
    ["Esc", "Close what is open in front"],
  ];
  const toggle = h("input", {
    type: "checkbox",
    checked: on,
    onchange: () => {
      on = toggle.checked;
      try {
        localStorage.setItem(STORED, on ? "on" : "off");
      } catch {
        // Then it holds until the page is closed.
      }
    },
  });
  return dialog(
    "Keyboard shortcuts",
    [
      h("dl", { class: "pairs shortcuts" }, rows.map(([keys, text]) => [h("dt", null, keys.split(" ").map((one) => h("kbd", null, one))), h("dd", null, text)])),
      h("label", { class: "check" }, toggle, "Single keys are shortcuts"),
    ],
    [],
    { close: "Close" },
  );
}
