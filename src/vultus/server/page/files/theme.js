// Loaded before anything is painted, so that the page does not flash in the other colours.
"use strict";
(() => {
  try {
    const chosen = localStorage.getItem("vultus.theme");
    if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
  } catch {
    // Storage may be forbidden: then the system's colours hold.
  }
})();
