// A photo booth: the camera is looked at twice a second until the picture is fit for a passport.

import { pause } from "../api.js";
import { closeCamera, frame, openCamera, viewfinder } from "../camera.js";
import { button, empty, fill, h, icon, notice, select, waiting } from "../dom.js";
import { inWords } from "../messages.js";
import { overlay } from "../overlay.js";
import { advice, cut, groups, guides, measures, qualityOf, toDo } from "../photo.js";
import { dropPlace, prepare } from "../pictures.js";

const EVERY = 500; // ms between looks; one at a time is under way
const HELD = 900; // ms for which all must be well before a picture is taken by itself
const LONGEST = 1920; // pixels of a picture
const MOST = 3; // things to do at a time
const GOOD = { name: "good", text: "Good. Hold still.", good: true };
const NOBODY = { name: "nobody", text: "No face is seen. Look into the camera." };
const ROOM = { name: "room", text: "Leave more room around the head." };

export async function show(page) {
  const { signal } = page;
  page.head("Photo booth", "For a passport photo: it says what to do, takes the picture when all is well, and cuts it. Nothing is kept on the server.");
  let running = null; // controller of what is under way
  let byItself = true;
  let urls = [];
  const body = h("div", { class: "stack" });
  // What is said aloud, apart from what is shown: twice a second would be chatter.
  const said = h("p", { class: "unseen", role: "status" });
  const place = dropPlace(([file]) => dropped(file), { signal, text: "or drop a picture here, or paste one. Pictures are read by this server and not kept.", many: false });
  const video = viewfinder("What the camera sees, as in a mirror");
  signal.addEventListener("abort", close);
  fill(page.body, body, said);
  closed();

  function close() {
    running?.abort();
    running = null;
    closeCamera(video);
    for (const url of urls) URL.revokeObjectURL(url);
    urls = [];
  }

  function begun() {
    close();
    running = new AbortController();
    return running.signal;
  }

  function closed(problem = null) {
    close();
    const start = button("Start the camera", () => open(), { icon: "play", kind: "main", "data-shortcut": "s" });
    const off = empty("camera", "The camera is off", "Sit before a plain wall, with light on the face from the front.");
    fill(body, problem, h("div", { class: "stage" }, off), h("div", { class: "row" }, start), place);
  }

  /** Where somebody is looked at: the picture with its guides, what to do, and the buttons. */
  function stand(media, label, controls, mirror) {
    const pane = overlay(media, label, guides);
    pane.node.classList.toggle("mirrored", mirror);
    pane.node.classList.add("booth");
    const todo = h("div", { class: "grow" });
    const looked = h("div", null);
    const state = h("p", { class: "small soft", role: "status" });
    let announced = "";
    let before = "";
    let words = "";
    fill(body, h("div", { class: "two live" }, pane.node, h("div", { class: "card stack" }, h("h2", null, "What to do"), todo, looked, state), controls));

    /** Show things to do. Said aloud are only others than before, once two looks agree on them. */
    function tell(list) {
      const shown = list.slice(0, MOST);
      const text = shown.map((one) => one.text).join(" ");
      if (text !== words) fill(todo, advice(shown));
      words = text;
      const names = shown.map((one) => one.name).join();
      if (names !== announced && (names === before || names === GOOD.name || !announced)) {
        announced = names;
        said.textContent = text;
      }
      before = names;
    }

    return {
      tell,
      /** An answer about the picture. Returns whether all is well. */
      seen(quality) {
        const list = toDo(quality);
        if (!list.length && !quality.crop.inside) list.push(ROOM);
        const good = quality.passed && quality.crop.inside;
        pane.node.classList.toggle("well", good);
        pane.draw(quality.size, [{ quality, good }]);
        const now = groups(quality);
        if (now.textContent !== looked.textContent) fill(looked, now);
        tell(good ? [GOOD] : list);
        return good;
      },
      nobody() {
        pane.node.classList.remove("well");
        pane.clear();
        fill(looked);
        tell([NOBODY]);
      },
      /** Words beside the advice, such as why the next look takes its time. */
      note(text) {
        if (state.textContent !== text) state.textContent = text;
      },
    };
  }

  async function open(device = null) {
    const stopped = begun();
    fill(body, waiting("Opening the camera"));
    try {
      const cameras = await openCamera(video, stopped, device, { width: 1920, height: 1080 });
      const shoot = button("Take picture", () => now(stopped), { icon: "camera", kind: "main", "data-shortcut": "t" });
      const check = h("input", { type: "checkbox", checked: byItself, onchange: () => (byItself = check.checked) });
      const choice = cameras.length > 1 && select(cameras, device ?? cameras[0][0], { "aria-label": "Camera", onchange: (event) => open(event.target.value) });
      const controls = h("div", { class: "row" }, shoot, button("Stop the camera", () => closed(), { icon: "stop" }), h("label", { class: "check" }, check, "Take it when all is well"), choice);
      const booth = stand(video, "Camera", controls, true);
      video.play().catch(() => {}); // it was moved
      shoot.focus();
      await watch(booth, stopped);
    } catch (error) {
      if (!stopped.aborted) closed(notice("bad", ...(error.code === undefined ? ["No camera", error.message] : [null, ...inWords(error)])));
    }
  }

  async function watch(booth, stopped) {
    let since = null; // when the first of the good looks was taken
    while (!stopped.aborted) {
      const began = performance.now();
      let still = null;
      try {
        if (!document.hidden) {
          still = await frame(video, { longest: LONGEST, quality: 0.92, keep: true });
          const quality = await qualityOf(still.blob, "capture", stopped);
          if (stopped.aborted) return;
          booth.note("");
          since = booth.seen(quality) ? (since ?? began) : null;
          if (byItself && since !== null && began - since >= HELD) {
            const { bitmap } = still;
            still = null;
            await finish(bitmap, quality);
            return;
          }
        }
        await pause(Math.max(0, EVERY - (performance.now() - began)), stopped);
      } catch (error) {
        if (stopped.aborted) return;
        since = null;
        await later(error, booth, began, stopped);
      } finally {
        still?.bitmap.close();
      }
    }
  }

  /** What a look that failed means, and how long to wait for the next one. */
  async function later(error, booth, began, stopped) {
    if (error.code === "no_face") {
      booth.note("");
      booth.nobody();
      await pause(Math.max(0, EVERY - (performance.now() - began)), stopped).catch(() => {});
    } else if (error.status === 429 || error.status === 503) {
      const wait = Math.max(error.retryAfter ?? 1, 1);
      booth.note(`The server is busy. It is asked again in ${wait} s.`);
      await pause(wait * 1000, stopped).catch(() => {});
    } else if (error.status === 0) {
      await pause(2000, stopped).catch(() => {});
    } else throw error;
  }

  /** The picture as it is now, well or not. */
  async function now(stopped) {
    if (stopped.aborted) return;
    const { blob, bitmap } = await frame(video, { longest: LONGEST, quality: 0.92, keep: true });
    const mine = begun();
    fill(body, waiting("Measuring"));
    try {
      await finish(bitmap, await qualityOf(blob, "capture", mine, true));
    } catch (error) {
      if (!mine.aborted) failed(error, () => open());
    }
  }

  /** A picture from elsewhere: cut when all is well, else shown with what is not. */
  async function dropped(file) {
    const mine = begun();
    fill(body, waiting("Measuring"));
    try {
      const { blob, url, name, bitmap } = await prepare(file);
      const quality = await qualityOf(blob, "capture", mine, true).finally(() => mine.aborted && url && URL.revokeObjectURL(url));
      if (!url || (quality.passed && quality.crop.inside)) return finish(bitmap, quality);
      urls.push(url);
      const anyway = quality.crop.inside && button("Cut it all the same", () => finish(bitmap, quality), { icon: "picture", kind: "main", "data-shortcut": "t" });
      const controls = h("div", { class: "row" }, anyway, button("Another picture", () => closed(), { icon: "refresh", "data-shortcut": "n" }));
      stand(h("img", { src: url, alt: name }), `Guides on ${name}`, controls, false).seen(quality);
      controls.firstChild.focus();
    } catch (error) {
      if (!mine.aborted) failed(error, () => closed());
    }
  }

  function failed(error, again) {
    const retry = button("Try again", again, { icon: "refresh" });
    fill(body, notice("bad", null, ...inWords(error)), h("div", { class: "row" }, retry), place);
    retry.focus();
  }

  /** Cut the picture, measure the photo that comes of it, and show both. */
  async function finish(bitmap, quality) {
    const stopped = begun();
    fill(body, waiting("Cutting the photo"));
    try {
      if (!bitmap || !quality.crop.inside) return result(null, quality, bitmap);
      const photo = await cut(bitmap, quality.crop);
      result(photo, await qualityOf(photo, "icao", stopped, true), bitmap);
    } catch (error) {
      if (!stopped.aborted) failed(error, () => open());
    } finally {
      bitmap?.close();
    }
  }

  /** The photo with what was measured; photo: null, the picture has no room for the cut. */
  function result(photo, quality, bitmap) {
    const fit = photo && quality.passed;
    const todo = (photo || !bitmap ? toDo(quality) : [ROOM, ...toDo(quality)]).slice(0, MOST);
    const heading = h("h2", { tabindex: "-1" }, photo ? (fit ? "The photo meets what is asked" : "The photo does not meet all that is asked") : "The picture cannot be cut");
    const url = photo && URL.createObjectURL(photo);
    if (url) urls.push(url);
    const again = button("Take another", () => open(), { icon: "refresh", kind: photo ? "" : "main", "data-shortcut": "n" });
    const name = `photo-${new Date().toISOString().slice(0, 16).replaceAll(/[-:T]/g, "")}.png`;
    const [x1, y1, x2, y2] = quality.crop.box;
    fill(
      body,
      h(
        "div",
        { class: "card photo" },
        photo ? h("img", { src: url, alt: "The finished photo", width: quality.size[0], height: quality.size[1] }) : bitmap && small(bitmap),
        h(
          "div",
          { class: "stack grow" },
          h("div", { class: `row ${fit ? "good" : "warn"}` }, icon(fit ? "check" : "warn"), heading),
          todo.length ? advice(todo) : null,
          h("p", { class: "soft" }, photo ? `${quality.size[0]} × ${quality.size[1]} pixels, 35 × 45 mm.` : !bitmap ? "This browser cannot show the picture; the server could read it." : `A photo would need ${x2 - x1} × ${y2 - y1} pixels from (${x1}, ${y1}); the picture has ${quality.size[0]} × ${quality.size[1]}.`),
          h("div", { class: "row" }, photo && h("a", { class: "button main", href: url, download: name, "data-shortcut": "d" }, icon("download"), "Download PNG"), again),
        ),
      ),
      h("div", { class: "card flush" }, h("div", { class: "pad" }, measures(quality))),
    );
    heading.focus();
    said.textContent = "";
  }

  function small(bitmap) {
    const canvas = h("canvas", { width: 300, height: Math.round((300 * bitmap.height) / bitmap.width), role: "img", "aria-label": "The picture" });
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    return canvas;
  }
}
