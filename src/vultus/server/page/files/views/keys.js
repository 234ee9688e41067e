// Keys and roles: who may do what, where. A key is shown once.

import { all, ask } from "../api.js";
import { badge, button, field, fill, h, notice, select, table } from "../dom.js";
import { dialog, say } from "../messages.js";
import { ROLES, roleName, session } from "../session.js";
import { ago, moment } from "../words.js";

const KINDS = [
  ["api", "This page, /v1 and vultus.Client"],
  ["aws", "boto3 and other AWS clients (signatures)"],
  ["compreface", "CompreFace clients (a UUID)"],
];
const SPANS = [
  ["", "never"],
  ["1", "in a day"],
  ["30", "in 30 days"],
  ["90", "in 90 days"],
  ["365", "in a year"],
];

export async function show(page) {
  page.head("Keys and roles", "Give each person and each program a key of its own, with the least role that does.", button("Make a key", create, { icon: "add", kind: "main", "data-shortcut": "n" }));
  const keys = await all(["keys"], {}, 5000);
  const live = keys.filter(isLive);
  const dead = keys.filter((one) => !isLive(one));
  fill(
    page.body,
    h(
      "div",
      { class: "stack" },
      h("div", { class: "card flush" }, sheet("Keys that work", live, true)),
      dead.length ? h("details", null, h("summary", null, `${dead.length} revoked or expired`), h("div", { class: "card flush" }, sheet("Keys that no longer work", dead, false))) : null,
      h("section", { class: "card" }, h("h2", null, "Roles"), h("dl", { class: "pairs" }, Object.values(ROLES).map(([name, text]) => [h("dt", null, name), h("dd", null, text)]))),
    ),
  );

  function sheet(caption, items, actions) {
    return table(
      caption,
      [
        { head: "Label", cell: (one) => h("span", { class: "wrap" }, one.label || h("span", { class: "soft" }, "none"), one.id === session.caller.id ? [" ", badge("accent", "this one")] : null) },
        { head: "Role", cell: (one) => badge(one.role === "admin" ? "warn" : "", roleName(one.role)) },
        { head: "Galleries", cell: (one) => h("span", { class: "wrap" }, one.galleries.includes("*") ? "all" : one.galleries.join(", ")) },
        { head: "Id", cell: (one) => h("code", null, one.id) },
        { head: "Last used", cell: (one) => ago(one.last_used) },
        { head: "Expires", cell: (one) => (one.revoked ? `revoked ${moment(one.revoked)}` : moment(one.expires)) },
        actions && { head: "", actions: true, cell: (one) => [button("Renew", () => rotate(one), { icon: "refresh", kind: "small", "aria-label": `Renew key ${one.label || one.id}` }), " ", button("Revoke", () => revoke(one), { icon: "bin", kind: "small risk", "aria-label": `Revoke key ${one.label || one.id}` })] },
      ].filter(Boolean),
      items,
    );
  }

  async function create() {
    const label = h("input", { maxlength: "200", autocomplete: "off", placeholder: "For example: front door" });
    const role = select(Object.entries(ROLES).map(([key, [name, text]]) => [key, `${name}: ${text}`]), "operator");
    const everywhere = h("input", { type: "checkbox", checked: true, onchange: () => (places.hidden = everywhere.checked) });
    const boxes = session.galleries.map((name) => h("input", { type: "checkbox", value: name }));
    const places = h("div", { class: "stack tight", hidden: true }, boxes.map((box) => h("label", { class: "check" }, box, box.value)));
    const expires = select(SPANS, "");
    const kind = select(KINDS, "api");
    const made = await dialog(
      "Make a key",
      [
        field("Label", label, "Who or what it is for; do not write secrets."),
        field("Role", role),
        h("fieldset", { class: "stack tight" }, h("legend", null, "Galleries"), h("label", { class: "check" }, everywhere, "All, also later ones"), places),
        field("Expires", expires),
        field("For", kind),
      ],
      [
        {
          label: "Make it",
          icon: "key",
          run: () => {
            const galleries = everywhere.checked ? ["*"] : boxes.filter((box) => box.checked).map((box) => box.value);
            if (!galleries.length) {
              everywhere.setCustomValidity("Choose a gallery, or all.");
              everywhere.reportValidity();
              everywhere.setCustomValidity("");
              return false;
            }
            return ask("POST", ["keys"], { body: { role: role.value, galleries, label: label.value, days: expires.value ? Number(expires.value) : null, kind: kind.value } });
          },
        },
      ],
    );
    if (made) await reveal(made);
    if (made) page.reload();
  }

  async function rotate(one) {
    const hours = select([["0", "at once"], ["1", "in an hour"], ["24", "in a day"], ["168", "in a week"]], "24");
    const made = await dialog("Renew a key", [h("p", null, "A new key with the same role and galleries is made. The old one ends:"), field("The old key ends", hours)], [
      { label: "Renew", icon: "refresh", run: () => ask("POST", ["keys", one.id, "rotate"], { body: { overlap_hours: Number(hours.value) } }) },
    ]);
    if (made) await reveal(made);
    if (made) page.reload();
  }

  async function revoke(one) {
    const reason = h("input", { maxlength: "500", autocomplete: "off" });
    const mine = one.id === session.caller.id;
    const done = await dialog("Revoke a key", [h("p", { class: "wrap" }, `${one.label || one.id} will be worthless at once, in every program that uses it.`), mine ? notice("warn", "This is the key that you are signed in with", "You will be signed out.") : null, field("Reason", reason, "Goes into the audit log.")], [
      { label: "Revoke", icon: "bin", kind: "risk", run: () => ask("DELETE", ["keys", one.id], { query: { reason: reason.value } }) },
    ]);
    if (!done) return;
    say("The key is revoked.");
    page.reload();
  }
}

function isLive(one) {
  return !one.revoked && !(one.expires && new Date(one.expires) <= new Date());
}

/** Show a secret this once; it leaves the page when the dialog is closed. */
async function reveal({ key, secret }) {
  const shown = h("textarea", { readonly: true, rows: "2", class: "mono secret", "aria-label": "The key", spellcheck: "false", autocomplete: "off", onfocus: () => shown.select() });
  shown.value = secret;
  const told = h("span", { class: "small", role: "status" });
  await dialog(
    "Copy the key now",
    [
      notice("warn", "It is shown this once", "The server keeps only a hash of it. Put it where you keep passwords, and give it away over a safe channel."),
      key.kind === "aws" ? h("p", null, "Access key id: ", h("code", null, key.id)) : null,
      h("div", { class: "row" }, h("div", { class: "grow" }, shown), button("Copy", copy, { icon: "copy" })),
      told,
    ],
    [],
    { close: "I have kept it", firm: true },
  );
  shown.value = "";

  async function copy() {
    try {
      await navigator.clipboard.writeText(shown.value);
      told.textContent = "Copied.";
    } catch {
      shown.focus();
      shown.select();
      told.textContent = "Press Ctrl C to copy.";
    }
  }
}

