// What was decided, on which evidence: of this tab with pictures, and of everybody from the journal.

import { get, inGallery, keyLabels } from "../api.js";
import { badge, button, empty, fill, h, icon, select, table, waiting } from "../dom.js";
import { decision } from "../evidence.js";
import { trouble } from "../messages.js";
import { may, session } from "../session.js";
import { actor, DECIDED, moment, rate, score, STATUS } from "../words.js";

const PART = 50;
// What the journal is asked for, and whether that is of a gallery.
const ACTIONS = [
  ["identify", "Searches", true],
  ["verify", "Comparisons", false],
  ["person.refuse", "Refused enrolments", true],
  ["challenge", "Live checks", false],
  ["liveness", "Living or not", false],
];

export async function show(page, parts) {
  const readsJournal = may("auditor");
  const own = may("operator");
  const everybody = readsJournal && (parts[0] === "all" || !own);
  page.head(
    "Decisions",
    "Every answer with what it rests on. A decision is evidence for a person to look at, not a verdict.",
    readsJournal && own && h("div", { class: "switcher", role: "group", "aria-label": "Whose decisions" }, way("This tab", !everybody, () => page.go("decisions")), way("Everybody", everybody, () => page.go("decisions", "all"))),
  );
  if (everybody) return fromJournal(page);
  const mine = session.decisions;
  if (!mine.length) {
    fill(page.body, empty("history", "Nothing was decided in this tab yet", "Identify a picture or start the camera. Pictures stay in this tab and are forgotten with it.", h("a", { class: "button main", href: "#/identify" }, icon("scan"), "Identify")));
    return null;
  }
  const filter = h("div", { class: "chips", role: "group", "aria-label": "Show" });
  const list = h("ol", { class: "stack tight", "aria-label": "Decisions, the latest first" });
  let wanted = null;

  function draw() {
    fill(
      filter,
      [null, "match", "unknown", "rejected"].map((status) => {
        const n = status ? mine.filter((one) => one.status === status).length : mine.length;
        return button(`${status ? STATUS[status][0] : "All"} ${n}`, () => ((wanted = status), draw(), filter.querySelector("[aria-pressed=true]").focus()), { kind: `small ${wanted === status ? "chosen" : ""}`, "aria-pressed": String(wanted === status) });
      }),
    );
    fill(list, mine.filter((one) => !wanted || one.status === wanted).map((one) => h("div", { class: "card" }, decision(one, one.operating, { thumb: one.thumb, gallery: one.gallery, when: `${moment(one.at)}, ${one.source}` }))));
  }

  draw();
  fill(page.body, h("div", { class: "stack" }, filter, list));
  return null;
}

function way(label, pressed, onclick) {
  return h("button", { type: "button", "aria-pressed": String(pressed), onclick }, label);
}

async function fromJournal(page) {
  const { signal } = page;
  const out = h("div", { class: "card flush" });
  const foot = h("div", { class: "row foot" });
  let wanted = ACTIONS[0];
  const kind = select(ACTIONS.map(([id, label]) => [id, label]), wanted[0], { "aria-label": "Kind of decision", onchange: again });
  const body = h("div", { class: "stack" }, h("div", { class: "row" }, kind), out, foot);
  const labels = await keyLabels();
  let cursor = null;
  const rows = [];
  fill(page.body, waiting());

  async function again() {
    wanted = ACTIONS.find(([id]) => id === kind.value);
    rows.length = 0;
    cursor = null;
    await more();
    kind.focus();
  }

  async function more() {
    try {
      const found = await get(["journal"], { action: wanted[0], newest_first: true, limit: PART, cursor, gallery: wanted[2] ? page.gallery : null }, { signal });
      rows.push(...found.items);
      cursor = found.next;
      const people = may("viewer") ? await names(page.gallery, rows) : new Map();
      draw(people);
    } catch (error) {
      if (!signal.aborted) fill(foot, trouble(error, more));
    }
    fill(page.body, body);
  }

  function draw(people) {
    if (!rows.length) {
      fill(out, empty("history", "No decision was noted yet", "The audit log keeps every search with its score, its threshold and its model, without pictures and names."));
      return;
    }
    fill(
      out,
      table(
        "Decisions from the audit log, the latest first",
        [
          { head: "When", cell: (one) => h("span", { class: "nowrap" }, moment(one.at)) },
          { head: "Decision", cell: (one) => decided(one.evidence) },
          { head: "Reason", cell: (one) => (one.reason ? h("span", { class: "wrap small" }, one.reason) : "–") },
          { head: "Person", cell: (one) => who(one, people) },
          { head: "Score", number: true, cell: (one) => (one.evidence.score === null || one.evidence.score === undefined ? "–" : score(one.evidence.score)) },
          { head: "P living", number: true, cell: (one) => (typeof one.evidence.liveness === "number" ? one.evidence.liveness.toFixed(3) : "–") },
          { head: "Threshold", number: true, cell: (one) => (one.evidence.threshold ? one.evidence.threshold.toFixed(3) : "–") },
          { head: "FPIR", number: true, cell: (one) => (one.evidence.fpir ? rate(one.evidence.fpir) : "–") },
          { head: "By", cell: (one) => h("span", { class: "wrap", title: one.actor }, actor(one.actor, labels)) },
        ],
        rows,
      ),
    );
    fill(foot, cursor && button("Show more", more));
  }

  await more();
}

const GOOD = ["live", "passed"];
const BAD = ["not_live", "failed"];

function decided(evidence) {
  const refused = evidence.decision === "rejected" && "live" in evidence && evidence.live !== true;
  const code = refused ? (evidence.live === false ? "not_live" : "rejected") : evidence.decision;
  const [word, sign] = DECIDED[code] ?? [code, "info"];
  return badge(GOOD.includes(code) ? "good" : BAD.includes(code) ? "bad" : code, word, sign);
}

function who(one, people) {
  if (!one.target) return "–";
  const name = people.get(one.target);
  if (name) return h("a", { href: `#/people/${one.target}`, class: "wrap" }, name);
  return h("code", { title: one.target }, people.size || may("viewer") ? "no longer there" : one.target.slice(0, 8));
}

const known = new Map();

/** Names of the people whom entries speak of; the journal itself holds ids only. */
async function names(gallery, rows) {
  const wanted = new Set(rows.map((one) => one.target).filter((id) => id && !known.has(`${gallery}/${id}`)));
  await Promise.all(
    [...wanted].map(async (id) => {
      const person = await get(inGallery(gallery, "persons", id)).catch(() => null);
      known.set(`${gallery}/${id}`, person?.name ?? null);
    }),
  );
  return new Map(rows.filter((one) => one.target).map((one) => [one.target, known.get(`${gallery}/${one.target}`)]));
}
