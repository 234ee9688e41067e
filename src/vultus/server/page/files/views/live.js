// The camera as a stream: boxes and names over the moving picture.

import { ask, inGallery, pause } from "../api.js";
import { closeCamera, frame, openCamera, viewfinder } from "../camera.js";
import { button, empty, fill, h, icon, notice, select, waiting } from "../dom.js";
import { decision, label } from "../evidence.js";
import { liveSwitch } from "../liveness.js";
import { inWords } from "../messages.js";
import { overlay } from "../overlay.js";
import { faceOf } from "../pictures.js";
import { remember } from "../session.js";
import { Tracks } from "../tracks.js";

const RATES = [1, 2, 4, 8]; // frames a second at most; one at a time is under way
const LONGEST = 960; // pixels of a frame that is sent
const SHOWN = 30; // answers in the list

export async function live(page) {
  const { gallery, signal } = page;
  let rate = 4;
  let running = null; // controller of the stream that runs
  const video = viewfinder("What the camera sees");
  const pane = overlay(video, "Camera with boxes around faces");
  const list = h("ol", { class: "stack tight", "aria-label": "Answers, the latest first", "aria-live": "polite", "aria-relevant": "additions" });
  const state = h("p", { class: "small soft", role: "status" });
  const trouble = h("div", null);
  const cameras = h("span", null);
  const living = liveSwitch(gallery, signal);
  const toggle = button("Start the camera", () => (running ? stop() : start()), { icon: "play", kind: "main", "data-shortcut": "s" });
  const speed = select(RATES.map((one) => [one, `${one} a second`]), rate, { "aria-label": "Frames that are sent", onchange: () => (rate = Number(speed.value)) });
  const stage = h("div", { class: "stage" }, empty("video", "The camera is off", "Frames are sent to this server one at a time, searched, and not kept."));
  fill(
    page.body,
    h("div", { class: "two live" }, h("div", { class: "stack" }, stage, trouble, h("div", { class: "row" }, toggle, h("label", { class: "row small" }, "Send at most", speed), living.node, cameras), state), h("div", { class: "card" }, h("h2", null, "Who was seen"), list)),
  );
  signal.addEventListener("abort", stop);

  async function start(device = null) {
    stop();
    const mine = new AbortController();
    running = mine;
    fill(trouble);
    if (!device) fill(stage, waiting("Opening the camera"));
    try {
      const found = await openCamera(video, mine.signal, device);
      fill(stage, pane.node);
      fill(toggle, icon("stop"), "Stop the camera");
      fill(cameras, found.length > 1 && select(found, device ?? found[0][0], { "aria-label": "Camera", onchange: (event) => start(event.target.value) }));
      const tracks = new Tracks();
      animate(tracks, mine.signal);
      await stream(tracks, mine.signal);
    } catch (error) {
      if (mine.signal.aborted) return;
      fill(trouble, notice("bad", error.code === undefined ? "No camera" : null, ...(error.code === undefined ? [error.message] : inWords(error))));
      stop();
    }
  }

  function stop() {
    running?.abort();
    running = null;
    closeCamera(video);
    fill(toggle, icon("play"), "Start the camera");
    fill(stage, empty("video", "The camera is off", "Frames are sent to this server one at a time, searched, and not kept."));
    state.textContent = "";
  }

  async function stream(tracks, stopped) {
    let restUntil = 0; // searches rest: too many close calls about one person
    let slower = 1;
    while (!stopped.aborted) {
      const began = performance.now();
      if (document.hidden) {
        await pause(400, stopped);
        continue;
      }
      try {
        const { blob, size } = await frame(video, { longest: LONGEST, quality: 0.88 });
        const search = began > restUntil && tracks.stale(began);
        const found = search
          ? await ask("POST", inGallery(gallery, "identify"), { body: blob, query: { candidates: 3, ...living.query() }, signal: stopped })
          : await ask("POST", ["detect"], { body: blob, signal: stopped });
        const faces = found.faces.map((one) => (search ? { box: one.face.box, decision: one } : { box: one.box, decision: null }));
        tracks.size = size;
        const changed = tracks.update(faces, performance.now());
        for (const track of changed) await note(track, found, blob);
        slower = 1;
        const took = performance.now() - began;
        state.textContent = `${found.faces.length === 1 ? "1 face" : `${found.faces.length} faces`}, answered in ${Math.round(took)} ms`;
        await pause(Math.max(0, 1000 / rate - took), stopped);
      } catch (error) {
        if (stopped.aborted) return;
        if (error.code === "probe_limit") {
          restUntil = performance.now() + (error.retryAfter ?? 30) * 1000;
          fill(trouble, notice("warn", null, ...inWords(error), h("p", { class: "small" }, "Boxes are drawn meanwhile, without names.")));
        } else if (error.status === 429 || error.status === 503) {
          slower = Math.min(8, slower * 2);
          await pause(Math.max(error.retryAfter ?? 1, slower) * 1000, stopped);
        } else if (error.status === 0) {
          await pause(2000, stopped);
        } else throw error;
      }
    }
  }

  /** Draw between the answers, too: boxes glide to where the face was seen last. */
  function animate(tracks, stopped) {
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    function paint() {
      if (stopped.aborted) return;
      for (const track of tracks.all) track.shown = track.shown.map((value, at) => (still ? track.box[at] : value + (track.box[at] - value) * 0.35));
      if (tracks.size) {
        pane.draw(
          tracks.size,
          tracks.all.map((track) => ({ box: track.shown, status: track.decision?.status ?? "found", text: track.decision ? label(track.decision) : "…" })),
        );
      }
      requestAnimationFrame(paint);
    }
    paint();
  }

  async function note(track, found, blob) {
    const one = track.decision;
    if (one.status === "rejected" && !one.liveness) return; // it says nothing about who it is
    const bitmap = await createImageBitmap(blob);
    const thumb = faceOf(bitmap, one.face.box, { label: "Face" });
    bitmap.close();
    const at = new Date();
    remember({ at: at.toISOString(), gallery, source: "camera", ...one, operating: found.operating, thumb, request: found.request_id });
    const copy = h("canvas", { width: thumb.width, height: thumb.height, class: "face", "aria-hidden": "true" });
    copy.getContext("2d").drawImage(thumb, 0, 0);
    list.prepend(decision(one, found.operating, { thumb: copy, gallery, when: at.toLocaleTimeString(), sha256: found.sha256 }));
    while (list.children.length > SHOWN) list.lastChild.remove();
  }
}
