// Short messages that are also said aloud, and dialogs.

import { button, fill, fresh, h, icon, notice } from "./dom.js";

const STAYS = 7000; // ms; a complaint stays until it is closed

/** Say that something is done. */
export function say(text) {
  const toast = h("div", { class: "toast good rise" }, icon("check"), h("div", { class: "grow wrap" }, text));
  document.getElementById("notes").append(toast);
  setTimeout(() => toast.remove(), STAYS);
}

/** Say what went wrong, in words. */
export function complain(error) {
  if (error.name === "AbortError") return;
  const box = document.getElementById("alerts");
  const text = h("div", { class: "grow wrap" }, ...inWords(error));
  const toast = h("div", { class: "toast bad rise" }, icon("warn"), text, button(null, () => toast.remove(), { icon: "cross", kind: "plain small", title: "Close message" }));
  while (box.children.length > 2) box.firstChild.remove();
  box.append(toast);
}

/** A problem as paragraphs: what happened, what the server says, what to do. */
export function inWords(error) {
  if (error.code === undefined) return [h("p", null, h("strong", null, "Something broke in this page")), h("p", { class: "small" }, String(error.message))];
  const detail = error.detail && error.code !== "unauthorized" ? h("p", { class: "small" }, sentence(error.detail)) : null;
  const advice = error.advice && h("p", { class: "small" }, error.advice);
  const wait = error.retryAfter && error.retryAfter > 5 ? h("p", { class: "small" }, `Try again in ${duration(error.retryAfter)}.`) : null;
  const number = error.requestId && error.status >= 500 ? h("p", { class: "small soft" }, "Request ", h("code", null, error.requestId)) : null;
  return [h("p", null, h("strong", null, error.title)), detail, advice, wait, number].filter(Boolean);
}

/** The same as a box within a section. */
export function trouble(error, retry = null) {
  const box = notice("bad", null, ...inWords(error));
  box.setAttribute("role", "alert");
  if (error.status === 0) box.dataset.unreachable = "";
  if (retry) box.querySelector(".grow").append(h("p", null, button("Try again", retry, { icon: "refresh", kind: "small" })));
  return box;
}

function sentence(text) {
  const told = text.replace(/^<bytes>: /, ""); // what the library calls a picture without a name
  const first = told.charAt(0).toUpperCase() + told.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

function duration(seconds) {
  return seconds < 90 ? `${Math.ceil(seconds)} seconds` : `${Math.ceil(seconds / 60)} minutes`;
}

/**
 * Open a dialog. body: nodes. actions: {label, kind, icon, run}: `run` may be asynchronous; the
 * dialog closes when it returns anything but false and stays, with the problem in words, when it
 * throws. The first action is what Enter does. firm: only the button closes it, not a stray Esc. Resolves with what `run` returned, null if closed.
 */
export function dialog(title, body, actions, { wide = false, close = "Cancel", firm = false } = {}) {
  return new Promise((resolve) => {
    const id = fresh("d");
    const wrong = h("div", null);
    const buttons = [];
    let answer = null;
    let busy = false;
    const box = h(
      "dialog",
      { class: wide ? "wide rise" : "rise", "aria-labelledby": id, oncancel: (event) => firm && event.preventDefault() },
      h(
        "form",
        {
          method: "dialog",
          onsubmit: (event) => {
            event.preventDefault();
            if (actions[0]) run(actions[0]);
          },
        },
        h("header", null, h("h2", { id, tabindex: "-1" }, title), !firm && button(null, () => box.close(), { icon: "cross", kind: "plain", title: "Close" })),
        h("div", { class: "body" }, wrong, body),
        h("footer", null, close && button(close, () => box.close()), ...actions.map((one, at) => make(one, at)).reverse()),
      ),
    );

    function make(action, at) {
      const made = button(action.label, at ? () => run(action) : null, { icon: action.icon, kind: `${action.kind ?? ""} ${at ? "" : "main"}`, type: at ? "button" : "submit", disabled: action.disabled });
      buttons.push(made);
      action.button = made;
      return made;
    }

    async function run(action) {
      if (busy || action.button.disabled) return;
      busy = true;
      box.setAttribute("aria-busy", "true");
      for (const one of buttons) one.disabled = true;
      try {
        const got = await action.run();
        if (got !== false) {
          answer = got ?? true; // nothing to tell is also done
          box.close();
        }
      } catch (error) {
        fill(wrong, trouble(error));
        wrong.scrollIntoView({ block: "nearest" });
      } finally {
        busy = false;
        box.removeAttribute("aria-busy");
        for (const one of buttons) one.disabled = false;
      }
    }

    box.addEventListener("close", () => {
      box.remove();
      resolve(answer);
    });
    document.body.append(box);
    box.showModal();
    const wanted = box.querySelector("[autofocus]") ?? box.querySelector(".body input:not([type=hidden]), .body select, .body textarea") ?? box.querySelector("h2");
    wanted.focus();
  });
}

/** Whether anything is open in front of the page. */
export function covered() {
  return document.querySelector("dialog[open]") !== null;
}
