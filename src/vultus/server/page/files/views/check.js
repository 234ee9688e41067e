// A live check: the person does before the camera what nobody could know beforehand.

import { ask, form, inGallery, pause } from "../api.js";
import { closeCamera, frame, openCamera, viewfinder } from "../camera.js";
import { button, empty, field, fill, h, notice, s, waiting } from "../dom.js";
import { decision } from "../evidence.js";
import { covers, livenessRow } from "../liveness.js";
import { inWords, say } from "../messages.js";
import { faceOf } from "../pictures.js";
import { may } from "../session.js";
import { overlay } from "../overlay.js";

const EVERY = 85; // ms between frames that are taken; eight a second are needed, ten show blinks
const LONGEST = 640; // pixels of a frame
const TOGETHER = 16; // frames in a request, at most
const COUNTED = 3; // seconds before it begins
const AFTER = 250; // ms of frames after the end
const LOOK_EVERY = 500; // ms between looks while the person finds the place

const KINDS = [
  ["actions", "Turn and blink", "Three things to do, each in its time: to turn, to look up, to blink, or to open the mouth."],
  ["dot", "Follow the dot", "A dot moves over the screen; point your nose at it. Good on larger screens."],
];

const DRAWN = {
  "turn left": "M34 20 14 40l20 20M14 40h52",
  "turn right": "M46 20l20 20-20 20M66 40H14",
  "look up": "M20 34 40 14l20 20M40 14v52",
  "blink": "M10 36c16 20 44 20 60 0M22 50l-6 10M40 54v12M58 50l6 10",
  "open mouth": "M40 62c12 0 18-10 18-22s-6-22-18-22-18 10-18 22 6 22 18 22",
  "ahead": "M40 28v24M28 40h24M40 70a30 30 0 1 0 0-60 30 30 0 0 0 0 60",
};

export async function show(page) {
  const { gallery, signal } = page;
  page.head("Live check", "Somebody shows before the camera that they are there in person. The server draws what to do, and judges it.");
  let kind = "actions";
  let running = null; // controller of the check that runs
  const video = viewfinder("What the camera sees, as in a mirror");
  video.classList.add("mirrored");
  const pane = overlay(video, "Camera");
  const stage = h("div", { class: "stage" });
  const state = h("p", { role: "status", class: "guidance" });
  const controls = h("div", { class: "row" });
  const result = h("div", { class: "stack", "aria-live": "polite" });
  const choice = h("div", { class: "switcher", role: "group", "aria-label": "Kind of check" });
  const about = h("p", { class: "small soft" });
  signal.addEventListener("abort", close);
  fill(page.body, h("div", { class: "two live" }, h("div", { class: "stack" }, stage, state, controls), h("div", { class: "card stack" }, h("h2", null, "What to do"), choice, about, result, covers())));
  choose(kind);
  closed();

  function choose(wanted) {
    kind = wanted;
    fill(choice, KINDS.map(([id, label]) => h("button", { type: "button", "aria-pressed": String(id === kind), onclick: () => (choose(id), choice.querySelector("[aria-pressed=true]").focus()) }, label)));
    about.textContent = KINDS.find(([id]) => id === kind)[2];
  }

  function closed() {
    fill(stage, empty("live", "The camera is off", "Frames go to this server, are judged, and are not kept."));
    fill(controls, button("Start the camera", open, { icon: "play", kind: "main", "data-shortcut": "s" }));
    state.textContent = "";
  }

  function close() {
    running?.abort();
    running = null;
    closeCamera(video);
  }

  async function open() {
    close();
    const mine = new AbortController();
    running = mine;
    fill(stage, waiting("Opening the camera"));
    try {
      await openCamera(video, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      closed();
      fill(result, notice("bad", "No camera", error.message));
      return;
    }
    place();
  }

  /** The person finds the place: near, alone, in the middle. */
  function place() {
    fill(stage, pane.node);
    const begin = button("Begin", () => run(begin), { icon: "live", kind: "main", "data-shortcut": "b" });
    fill(controls, begin, button("Stop the camera", () => (close(), closed()), { icon: "stop" }));
    begin.focus();
    const mine = new AbortController();
    running?.signal.addEventListener("abort", () => mine.abort());
    place.stop = () => mine.abort();
    watch(mine.signal);
  }

  async function watch(stopped) {
    while (!stopped.aborted) {
      try {
        const { blob, size } = await frame(video, { longest: LONGEST, quality: 0.85 });
        const { faces } = await ask("POST", ["detect"], { body: blob, signal: stopped });
        if (stopped.aborted) return;
        pane.draw(size, faces.map((face) => ({ box: mirrored(face.box, size[0]), status: faces.length > 1 ? "rejected" : "match", text: "" })));
        state.textContent = advice(faces, size);
        await pause(LOOK_EVERY, stopped);
      } catch (error) {
        if (stopped.aborted) return;
        await pause(2000, stopped).catch(() => {});
      }
    }
  }

  async function run(begin) {
    begin.disabled = true;
    place.stop();
    pane.clear();
    fill(result);
    const mine = new AbortController();
    running.signal.addEventListener("abort", () => mine.abort());
    let screen = null;
    try {
      const challenge = await ask("POST", ["challenges"], { body: { kind }, signal: mine.signal });
      screen = screenFor(challenge, video, () => mine.abort());
      for (let left = COUNTED; left > 0; left -= 1) {
        screen.count(left);
        await pause(1000, mine.signal);
      }
      const { told, shot } = await answered(challenge, screen, mine.signal);
      screen.close();
      place();
      finished(told, shot);
    } catch (error) {
      screen?.close();
      if (signal.aborted || !running || running.signal.aborted) return;
      place();
      if (error.name === "AbortError") state.textContent = "Stopped.";
      else fill(result, notice("bad", null, ...inWords(error)));
    }
  }

  /** Take frames and send them while the challenge is shown. */
  async function answered(challenge, screen, stopped) {
    const began = performance.now();
    const end = challenge.seconds * 1000 + AFTER;
    const waitingFrames = [];
    let over = false;
    let shot = null;
    let told = null;

    async function taking() {
      for (let next = 0; !stopped.aborted; next += EVERY) {
        const at = performance.now() - began;
        if (at > end || waitingFrames.length + (told?.frames ?? 0) > challenge.most_frames - 2) break;
        const { blob } = await frame(video, { longest: LONGEST, quality: 0.8 });
        waitingFrames.push({ at: at / 1000, blob });
        if (!shot && at > 400) shot = (await frame(video, { longest: 1280, quality: 0.92 })).blob; // before anything is asked
        next = Math.max(next, performance.now() - began - EVERY);
        await pause(Math.max(0, next + EVERY - (performance.now() - began)), stopped);
      }
      over = true;
    }

    async function sending() {
      while (!over || waitingFrames.length) {
        if (waitingFrames.length < 4 && !over) {
          await pause(40, stopped);
          continue;
        }
        const part = waitingFrames.splice(0, TOGETHER);
        const last = over && !waitingFrames.length;
        const body = new FormData();
        for (const [number, one] of part.entries()) body.append("frame", one.blob, `${number}.jpg`);
        body.append("times", JSON.stringify(part.map((one) => Number(one.at.toFixed(3)))));
        if (last) screen.judging();
        told = await ask("POST", ["challenges", challenge.id, "frames"], { body, query: { last: last || null }, signal: stopped });
        screen.guide(told.guidance);
        if (last) return;
      }
      if (told?.status === "recording") {
        // The end came between two requests: one more frame carries the word.
        const { blob } = await frame(video, { longest: LONGEST, quality: 0.8 });
        const body = new FormData();
        body.append("frame", blob, "last.jpg");
        body.append("times", JSON.stringify([Number(((performance.now() - began) / 1000).toFixed(3))]));
        screen.judging();
        told = await ask("POST", ["challenges", challenge.id, "frames"], { body, query: { last: true }, signal: stopped });
      }
    }

    screen.run(began, stopped);
    await Promise.all([taking(), sending()]);
    return { told, shot };
  }

  function finished(told, shot) {
    const passed = told.status === "passed";
    state.textContent = passed ? "Passed." : "Not passed.";
    const outcome = notice(passed ? "good" : "bad", passed ? "Passed" : "Not passed", capital(told.reason));
    const next = h("div", { class: "stack tight" });
    fill(result, outcome, told.liveness ? livenessRow(told.liveness, { open: !passed }) : null, next);
    outcome.setAttribute("tabindex", "-1");
    outcome.focus();
    if (passed && gallery && shot) offer(told, shot, next);
  }

  /** What a check that was passed is good for, once. */
  function offer(told, shot, place) {
    const file = { blob: shot, name: "live check.jpg" };
    const name = h("input", { autocomplete: "off", maxlength: "255" });
    const out = h("div", null);

    async function use(work) {
      try {
        await work();
      } catch (error) {
        if (!signal.aborted) fill(out, notice("bad", null, ...inWords(error)));
      }
    }

    const identify = () =>
      use(async () => {
        const found = await ask("POST", inGallery(gallery, "identify"), { body: form([file]), query: { candidates: 5, challenge: told.id }, signal });
        const bitmap = await createImageBitmap(shot);
        fill(place, h("h3", null, "Who it is"), h("ol", { class: "stack tight", "aria-label": "Faces" }, found.faces.map((one) => decision(one, found.operating, { thumb: one.face && faceOf(bitmap, one.face.box), gallery, sha256: found.sha256 }))));
        bitmap.close();
      });
    const enrol = () =>
      use(async () => {
        if (!name.value.trim()) return name.focus();
        const done = await ask("POST", inGallery(gallery, "persons"), { body: form([file], { name: name.value.trim() }), query: { challenge: told.id, faces: "largest" }, once: true });
        say(`${done.person.name} was enrolled, with a live check.`);
        fill(place, h("p", null, h("a", { href: `#/people/${done.person.id}` }, done.person.name), " was enrolled."));
      });
    fill(
      place,
      h("p", { class: "small soft" }, `Good once, for ${Math.round(told.usable_for / 60)} minutes, for the face that did it.`),
      h("div", { class: "row" }, button("Say who it is", identify, { icon: "scan", "data-shortcut": "i" })),
      may("enroller") && h("form", { class: "row", onsubmit: (event) => (event.preventDefault(), enrol()) }, field("Enrol as", name), button("Enrol", null, { icon: "addPerson", type: "submit" })),
      out,
    );
  }
}

/** What covers the page while the challenge is shown: large, plain, and left with Escape. */
function screenFor(challenge, video, cancel) {
  const words = h("p", { class: "asked", role: "status", "aria-live": "assertive" });
  const guidance = h("p", { class: "guidance", role: "status" });
  const drawing = h("div", { class: "drawing", "aria-hidden": "true" });
  const clock = h("div", { class: "clock", "aria-hidden": "true" });
  const dot = h("div", { class: "dot", "aria-hidden": "true", hidden: true });
  const small = h("div", { class: "mirror" });
  const home = video.parentElement;
  const box = h(
    "dialog",
    { class: "challenge", "aria-label": "Live check", oncancel: (event) => (event.preventDefault(), cancel()) },
    h("div", { class: "field-of-view" }, dot, h("div", { class: "middle" }, drawing, words, clock, guidance), small, button("Stop", cancel, { icon: "cross", title: "Stop the live check" })),
  );
  small.append(video); // the same element: nothing is opened twice
  document.body.append(box);
  box.showModal();
  video.play().catch(() => {});
  let said = "";

  function tell(text, shape) {
    if (said === text) return;
    said = text;
    words.textContent = text;
    fill(drawing, shape && s("svg", { viewBox: "0 0 80 80" }, s("path", { d: DRAWN[shape] })));
  }

  function count(left) {
    tell(challenge.kind === "dot" ? "Point your nose at the dot" : "Look straight ahead", "ahead");
    clock.textContent = left;
  }

  function run(began, stopped) {
    clock.textContent = "";
    if (challenge.kind === "dot") {
      fill(drawing);
      box.classList.add("dotted");
      dot.hidden = false;
    }
    function paint() {
      if (stopped.aborted || !box.open || box.dataset.judging) return;
      const at = (performance.now() - began) / 1000;
      if (challenge.kind === "dot") move(at);
      else step(at);
      requestAnimationFrame(paint);
    }
    paint();
  }

  function step(at) {
    const now = challenge.steps.find((one) => at >= one.start && at < one.end);
    if (!now) {
      tell("Look straight ahead", "ahead");
      clock.style.setProperty("--left", "0");
      return;
    }
    tell(now.words, now.action);
    clock.style.setProperty("--left", String((now.end - at) / (now.end - now.start)));
  }

  function move(at) {
    const path = challenge.dot;
    const after = path.findIndex((one) => one.time > at);
    const [one, other] = after < 1 ? [path.at(-1), path.at(-1)] : [path[after - 1], path[after]];
    const share = other.time > one.time ? (at - one.time) / (other.time - one.time) : 0;
    const [x, y] = ["x", "y"].map((axis) => one[axis] + (other[axis] - one[axis]) * share);
    dot.style.setProperty("--x", `${50 + 44 * x}%`);
    dot.style.setProperty("--y", `${50 + 42 * y}%`);
  }

  return {
    count,
    run,
    guide: (text) => (guidance.textContent = text),
    judging() {
      box.dataset.judging = "";
      dot.hidden = true;
      guidance.textContent = "";
      clock.style.setProperty("--left", "0");
      tell("Thank you. It is being judged …", null);
    },
    close() {
      if (!box.isConnected) return;
      home.prepend(video);
      box.close();
      box.remove();
      video.play().catch(() => {});
    },
  };
}

function advice(faces, [width, height]) {
  if (!faces.length) return "No face is seen; look into the camera.";
  if (faces.length > 1) return "More than one face is seen; be alone before the camera.";
  const [x1, y1, x2, y2] = faces[0].box;
  if (x1 < 0 || y1 < 0 || x2 > width || y2 > height) return "Move into the middle.";
  if (Math.min(x2 - x1, y2 - y1) < 0.18 * Math.min(width, height)) return "Come closer.";
  return "Good. Begin when you are ready.";
}

function mirrored([x1, y1, x2, y2], width) {
  return [width - x2, y1, width - x1, y2];
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?…]$/.test(text) ? "" : ".");
}
