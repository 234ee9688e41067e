// A viewfinder that tells the quality of the face before the picture is taken.

import { ask, pause } from "./api.js";
import { closeCamera, frame, openCamera, viewfinder } from "./camera.js";
import { button, fill, h, notice, select, waiting } from "./dom.js";
import { qualityOf } from "./faces.js";
import { overlay } from "./overlay.js";

const EVERY = 450; // ms between looks at the quality

/** Show the camera within `place` until it is closed; take(file) gets each picture that is taken. */
export function snapshots(place, signal, take) {
  return new Promise((resolve) => {
    const local = new AbortController();
    signal.addEventListener("abort", () => local.abort());
    const video = viewfinder("What the camera sees");
    const pane = overlay(video, "Camera");
    const state = h("div", { class: "row", role: "status" }, "Hold still and look into the camera.");
    const shot = button("Take picture", shoot, { icon: "camera", kind: "main", "data-shortcut": "t" });
    const choice = h("span", null);

    async function start(device) {
      try {
        const cameras = await openCamera(video, local.signal, device);
        fill(choice, cameras.length > 1 && select(cameras, device ?? cameras[0][0], { "aria-label": "Camera", onchange: (event) => start(event.target.value) }));
      } catch (error) {
        if (local.signal.aborted) return;
        fill(place, notice("bad", "No camera", error.message));
        end();
        return;
      }
      if (!device) fill(place, h("div", { class: "card stack" }, pane.node, state, h("div", { class: "row" }, shot, button("Close the camera", close, { icon: "stop" }), choice)));
      if (!device) shot.focus();
      if (!device) watch();
    }

    async function watch() {
      while (!local.signal.aborted) {
        try {
          const { blob, size } = await frame(video, { longest: 640, quality: 0.85 });
          const seen = await ask("POST", ["detect"], { body: blob, query: { gate: "medium" }, signal: local.signal });
          pane.draw(size, seen.faces.map((face) => ({ box: face.box, status: face.refusals.length ? "rejected" : "match", text: "" })));
          if (seen.faces.length) fill(state, qualityOf(seen.faces[0]), seen.faces.length > 1 && `${seen.faces.length} faces; one alone is better.`);
          else fill(state, "No face is seen.");
          await pause(EVERY, local.signal);
        } catch (error) {
          if (local.signal.aborted) return;
          await pause(2000, local.signal).catch(() => {});
        }
      }
    }

    async function shoot() {
      const { blob } = await frame(video, { longest: 1920, quality: 0.95 });
      take(new File([blob], `camera-${new Date().toISOString().slice(0, 19).replaceAll(":", "")}.jpg`, { type: "image/jpeg" }));
    }

    function close() {
      fill(place);
      end();
    }

    function end() {
      local.abort();
      closeCamera(video);
      resolve();
    }

    fill(place, waiting("Opening the camera"));
    signal.addEventListener("abort", end);
    start(null);
  });
}
