// The audit log: who did what to whom, when and why, in a chain that shows every later change.

import { get, keyLabels } from "../api.js";
import { button, empty, field, fill, h, notice, pairs, select, table, waiting } from "../dom.js";
import { complain, dialog, trouble } from "../messages.js";
import { session } from "../session.js";
import { action, actor, count, KINDS, moment } from "../words.js";

const PART = 100;

export async function show(page) {
  const { signal } = page;
  const all = session.caller.galleries.includes("*");
  page.head(
    "Audit log",
    "Entries hold ids, never names or pictures. Each holds the hash of the one before, so that any change shows.",
    button("Verify", verify, { icon: "check", kind: "main", "data-shortcut": "v" }),
    all && button("Export", save, { icon: "download" }),
  );
  const what = select([["", "Everything"], ...KINDS.map((one) => [one, action(one)])], "", { onchange: () => load(true) });
  const names = session.galleries.length ? session.galleries : all ? [] : session.caller.galleries;
  const where = select([...(all ? [["", "All galleries"]] : []), ...names.map((one) => [one, one])], all ? "" : names[0], { onchange: () => load(true) });
  const by = h("input", { type: "search", placeholder: "Id of a key", autocomplete: "off", spellcheck: "false", maxlength: "190", onchange: () => load(true) });
  const target = h("input", { type: "search", placeholder: "Id of a person or key", autocomplete: "off", spellcheck: "false", maxlength: "190", onchange: () => load(true), "data-shortcut": "/" });
  const found = h("div", null);
  const out = h("div", { class: "card flush" });
  const foot = h("div", { class: "row foot" });
  const labels = await keyLabels();
  let rows = [];
  let cursor = null;
  fill(page.body, h("div", { class: "stack" }, h("div", { class: "card filters" }, field("What", what), names.length ? field("Where", where) : null, field("By", by), field("About", target)), found, out, foot));

  async function load(anew) {
    if (anew) {
      rows = [];
      cursor = null;
      fill(out, h("div", { class: "pad" }, waiting()));
      fill(foot);
    }
    try {
      const who = by.value.trim();
      const part = await get(["journal"], { newest_first: true, limit: PART, cursor, action: what.value, gallery: where.value, actor: who && who !== "server" && !who.startsWith("key:") ? `key:${who}` : who, target: target.value.trim() }, { signal });
      rows.push(...part.items);
      cursor = part.next;
      draw();
    } catch (error) {
      if (!signal.aborted) {
        fill(out);
        fill(foot, trouble(error, () => load(anew)));
      }
    }
  }

  function draw() {
    if (!rows.length) {
      fill(out, empty("book", "No entry", "Nothing of this kind was done yet."));
      return;
    }
    fill(
      out,
      table(
        "Entries of the audit log, the latest first",
        [
          { head: "No.", number: true, cell: (one) => one.seq },
          { head: "When", cell: (one) => h("span", { class: "nowrap" }, moment(one.at)) },
          { head: "What", cell: (one) => action(one.action) },
          { head: "Where", cell: (one) => one.gallery || "–" },
          { head: "By", cell: (one) => h("span", { class: "wrap", title: one.actor }, actor(one.actor, labels)) },
          { head: "About", cell: (one) => (one.target ? h("code", { title: one.target }, one.target.slice(0, 10)) : "–") },
          { head: "Why", cell: (one) => h("span", { class: "wrap" }, one.reason || "–") },
          { head: "", actions: true, cell: (one) => button("Details", () => details(one), { kind: "small", "aria-label": `Details of entry ${one.seq}` }) },
        ],
        rows,
      ),
    );
    fill(foot, cursor && button("Show more", () => load(false)));
  }

  async function verify() {
    fill(found, waiting("Walking along the whole chain"));
    try {
      const result = await get(["journal", "verify"], {}, { signal });
      const head = `${result.head.seq}:${result.head.hash}`;
      fill(
        found,
        notice(
          result.ok ? "good" : "bad",
          result.ok ? `The chain is whole: ${count(result.entries, "entry", "entries")}` : "The audit log was changed",
          ...result.findings,
          h("p", { class: "small wrap" }, "Keep this head elsewhere, so that a cut-off end shows, too: ", h("code", null, head)),
        ),
      );
    } catch (error) {
      if (!signal.aborted) fill(found, trouble(error, verify));
    }
  }

  async function save() {
    try {
      const blob = await get(["journal", "export"], {}, { as: "blob", signal });
      const url = URL.createObjectURL(blob);
      h("a", { href: url, download: "audit-log.jsonl" }).click();
      setTimeout(() => URL.revokeObjectURL(url), 10_000);
    } catch (error) {
      complain(error);
    }
  }

  await load(true);
}

function details(one) {
  const evidence = Object.entries(one.evidence).map(([name, value]) => [name.replaceAll("_", " "), h("span", { class: "wrap" }, Array.isArray(value) ? value.join(", ") : String(value))]);
  return dialog(
    `Entry ${one.seq}: ${action(one.action)}`,
    [
      pairs(["When", moment(one.at)], ["By", h("code", null, one.actor)], one.gallery && ["Gallery", one.gallery], one.target && ["About", h("code", null, one.target)], one.reason && ["Why", one.reason], one.revision !== null && ["Revision", one.revision], one.request && ["Request", h("code", null, one.request)]),
      evidence.length ? [h("h3", null, "Evidence"), pairs(...evidence)] : null,
      h("h3", null, "Chain"),
      pairs(["Hash", h("code", null, one.hash)], ["Before", h("code", null, one.prev)]),
    ],
    [],
    { close: "Close", wide: true },
  );
}

