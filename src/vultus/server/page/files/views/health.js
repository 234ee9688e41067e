// How the server does: whether it lives, its models and bounds, its figures.

import { get, pause } from "../api.js";
import { badge, fill, h, notice, pairs, table } from "../dom.js";
import { may } from "../session.js";
import { bytes, count, short } from "../words.js";

const EVERY = 3000; // ms

export async function show(page) {
  const { signal } = page;
  page.head("Health", "Renewed every three seconds while this section is open.");
  const state = h("section", { class: "card stack tight" });
  const figures = h("div", { class: "stack" });
  const about = h("div", { class: "two even" });
  fill(page.body, h("div", { class: "stack" }, state, figures, about));
  if (may("viewer")) fill(about, ...(await models(signal)));
  let before = null;
  async function look() {
    await live(state, signal);
    if (may("monitor")) before = await measured(figures, before, signal);
  }
  await look();
  renew(look, signal);
}

async function renew(look, signal) {
  try {
    for (;;) {
      await pause(EVERY, signal);
      if (!document.hidden) await look();
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function live(place, signal) {
  const began = performance.now();
  let version = "";
  let status = "unreachable";
  try {
    ({ version } = await get("health/live", {}, { signal }));
    status = (await get("health/ready", {}, { signal })).status;
  } catch (error) {
    if (signal.aborted) return;
    status = error.status === 503 ? "not ready" : "unreachable";
  }
  const took = Math.round(performance.now() - began);
  const good = status === "ready";
  fill(
    place,
    h("div", { class: "row between" }, h("h2", null, "Server"), badge(good ? "good" : "bad", good ? "ready" : status, good ? "check" : "warn")),
    pairs(version && ["Version", version], ["Answers in", `${took} ms (two questions)`], ["Address", location.origin], ["Connection", location.protocol === "https:" ? "TLS" : window.isSecureContext ? "this computer only, no TLS needed" : "in clear"]),
    location.protocol !== "https:" && !window.isSecureContext ? notice("warn", "Keys and pictures pass in clear", "Serve with --tls-cert and --tls-key, or behind a proxy that does.") : null,
  );
}

async function models(signal) {
  const [known, limits] = await Promise.all([get(["models"], {}, { signal }), get(["bounds"], {}, { signal })]);
  return [
    h(
      "section",
      { class: "card" },
      h("h2", null, "Models"),
      pairs(["Recogniser", known.model], ["Dimension", known.dimension], ["Contract", h("code", { title: known.model_contract }, short(known.model_contract))]),
      h("details", { class: "small" }, h("summary", null, `All ${known.models.length} with their licences`), h("ul", { class: "bullets" }, known.models.map((one) => h("li", null, h("strong", null, one.name), ` (${one.task}): ${one.summary} Code ${one.code_licence}, weights ${one.weights_licence}.`)))),
    ),
    h(
      "section",
      { class: "card" },
      h("h2", null, "Bounds of a request"),
      pairs(
        ["A picture", `${bytes(limits.upload_bytes)}, ${(limits.pixels / 1e6).toFixed(0)} million pixels`],
        ["Faces", `at most ${limits.faces} of a picture`],
        ["A request", `${limits.pictures} pictures, ${bytes(limits.request_bytes)}`],
        ["Films", bytes(limits.video_bytes)],
        ["Addresses", limits.fetch_urls ? "pictures are fetched by address" : "nothing is fetched by address"],
        ["Scores", limits.score_floor ? `below the threshold not told, ${limits.score_decimals} decimals` : `all told, ${limits.score_decimals} decimals`],
      ),
    ),
  ];
}

async function measured(place, before, signal) {
  let text;
  try {
    text = await get("metrics", {}, { as: "text", signal });
  } catch {
    return before;
  }
  const now = parse(text);
  const value = (name) => now.filter((one) => one.name === name).reduce((sum, one) => sum + one.value, 0);
  const requests = value("vultus_requests_total");
  const pace = before ? Math.max(0, (requests - before.requests) / ((Date.now() - before.at) / 1000)) : null;
  const outcomes = now.filter((one) => one.name === "vultus_identify_total");
  const stages = now.filter((one) => one.name === "vultus_stage_seconds_count" && one.value);
  fill(
    place,
    h(
      "dl",
      { class: "figures card" },
      figure("Up", duration(value("vultus_up_seconds"))),
      figure("Requests", requests.toLocaleString("en"), pace === null ? "" : `${pace.toFixed(1)} a second`),
      figure("Waiting pictures", value("vultus_queue_depth")),
      figure("Pictures read", value("vultus_pictures_total").toLocaleString("en"), count(value("vultus_faces_total"), "face")),
      figure("Refused", value("vultus_refused_total").toLocaleString("en")),
      figure("Held", bytes(value("vultus_held_bytes"))),
    ),
    outcomes.length ? h("section", { class: "card" }, h("h2", null, "Faces searched"), h("div", { class: "chips" }, outcomes.map((one) => badge(one.labels.outcome, `${one.labels.outcome} ${one.value.toLocaleString("en")}`)))) : null,
    stages.length
      ? h(
          "section",
          { class: "card flush" },
          h("h2", { class: "pad" }, "Time by stage"),
          table(
            "Mean time by stage of the analysis",
            [
              { head: "Stage", cell: (one) => one.labels.stage },
              { head: "Times", number: true, cell: (one) => one.value.toLocaleString("en") },
              { head: "Mean", number: true, cell: (one) => `${((1000 * now.find((other) => other.name === "vultus_stage_seconds_sum" && other.labels.stage === one.labels.stage).value) / one.value).toFixed(1)} ms` },
            ],
            stages,
          ),
        )
      : null,
  );
  return { requests, at: Date.now() };
}

function figure(name, value, text = "") {
  return h("div", null, h("dt", null, name), h("dd", null, h("strong", null, value), text && h("span", { class: "small soft" }, text)));
}

function duration(seconds) {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

/** Lines of the Prometheus text format: {name, labels, value}. */
export function parse(text) {
  const found = [];
  for (const line of text.split("\n")) {
    const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)) labels[name] = value;
    found.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return found;
}
