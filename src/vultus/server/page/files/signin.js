// Signing in: with a key and nothing else.

import { fill, button, field, h, icon } from "./dom.js";
import { inWords } from "./messages.js";
import { get } from "./api.js";
import { forget, keep } from "./session.js";

/** Ask for a key; `done` is called when the server knows it. reason: a problem that ended the session before. */
export function signIn(app, reason, done) {
  const input = h("input", { type: "password", id: "key", name: "key", autocomplete: "current-password", spellcheck: "false", autocapitalize: "off", required: true, "aria-describedby": "key-hint wrong" });
  const wrong = h("div", { id: "wrong", role: "alert" });
  const submit = button("Sign in", null, { kind: "main", type: "submit" });
  const reveal = button("Show", toggle, { kind: "small plain", "aria-pressed": "false" });

  function toggle() {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    reveal.setAttribute("aria-pressed", String(!shown));
    reveal.textContent = shown ? "Show" : "Hide";
  }

  async function enter(event) {
    event.preventDefault();
    const secret = input.value.trim();
    if (!secret) return;
    submit.disabled = true;
    keep(secret);
    try {
      await get(["me"]);
      input.value = "";
      await done();
    } catch (error) {
      forget();
      tell(error);
      input.setAttribute("aria-invalid", "true");
      input.select();
      input.focus();
    } finally {
      submit.disabled = false;
    }
  }

  function tell(error) {
    fill(wrong, h("div", { class: "notice bad" }, icon("warn"), h("div", { class: "grow" }, ...inWords(error))));
  }

  document.title = "Sign in · vultus";
  fill(
    app,
    h(
      "main",
      { class: "alone", id: "main" },
      h(
        "div",
        { class: "card signin" },
        h("div", { class: "welcome" }, h("img", { src: "page/icon.svg", alt: "", width: "52", height: "52" }), h("h1", null, "vultus"), h("p", { class: "soft" }, "Who is in this picture, or is it nobody we know?")),
        wrong,
        h("form", { class: "stack", onsubmit: enter }, h("input", { type: "text", name: "username", autocomplete: "username", value: "vultus", hidden: true }), field("Key", input), h("div", { class: "row between" }, h("span", { class: "small soft", id: "key-hint" }, "It begins with vk_"), reveal), submit),
        h("p", { class: "small soft" }, "The key stays in this tab until you close it or sign out. It is sent to this server only, in a header; never in an address, and there are no cookies."),
        h("details", { class: "small" }, h("summary", null, "Where do I get a key?"), h("p", null, "The server printed an administrator's key when it was first started. An administrator makes further keys here under “Keys and roles”, or with ", h("code", null, "vultus keys create"), ".")),
      ),
    ),
  );
  if (reason) tell(reason);
  input.focus();
}
