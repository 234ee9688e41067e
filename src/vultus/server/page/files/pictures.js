// Pictures from the reader's computer: dropped, pasted, chosen; made smaller where the server
// asks for it; and the faces on them cut out. They stay in this tab.

import { get } from "./api.js";
import { button, h, icon } from "./dom.js";

const KINDS = ["image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff", "image/gif", "image/avif", "image/heic"];
const SMALLER = 3000; // longest side of a picture that had to be made smaller

let known = null;

/** What a request may hold, by the server's word. */
export async function bounds() {
  known ??= await get(["bounds"]);
  return known;
}

/**
 * A place to drop pictures on, with a button for those who cannot drag. take(files) is called
 * with what came. Pasting works while the section is open.
 */
export function dropPlace(take, { signal, text, many = true, extra = [] }) {
  const input = h("input", { type: "file", accept: "image/*", multiple: many, class: "unseen", tabindex: "-1", "aria-hidden": "true", onchange: chosen });
  const place = h(
    "div",
    { class: "drop", ondragover: over, ondragleave: out, ondrop: dropped },
    icon("picture", { large: true }),
    h("div", { class: "row" }, button(many ? "Choose pictures" : "Choose a picture", () => input.click(), { icon: "upload", "data-shortcut": "o" }), ...extra),
    h("p", null, text),
    input,
  );

  function chosen() {
    const files = [...input.files];
    input.value = "";
    give(files);
  }

  function over(event) {
    event.preventDefault();
    place.classList.add("over");
  }

  function out(event) {
    if (!place.contains(event.relatedTarget)) place.classList.remove("over");
  }

  function dropped(event) {
    event.preventDefault();
    place.classList.remove("over");
    give([...event.dataTransfer.files]);
  }

  function give(files) {
    const pictures = files.filter((file) => file.type.startsWith("image/") || !file.type);
    if (pictures.length) take(many ? pictures : pictures.slice(0, 1));
  }

  document.addEventListener(
    "paste",
    (event) => {
      const files = [...(event.clipboardData?.files ?? [])];
      if (files.length) give(files);
    },
    { signal },
  );
  return place;
}

/**
 * A picture ready to send: {blob, name, url, bitmap, smaller}. bitmap and url are null where the
 * browser cannot read the kind; the server may. The caller lets go of it with `release`.
 */
export async function prepare(file) {
  const limits = await bounds();
  const name = file.name || "picture";
  let bitmap = null;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return { blob: typed(file), name, url: null, bitmap: null, smaller: false };
  }
  const pixels = bitmap.width * bitmap.height;
  if (pixels <= limits.pixels && file.size <= limits.upload_bytes && KINDS.includes(file.type)) {
    return { blob: file, name, url: URL.createObjectURL(file), bitmap, smaller: false };
  }
  const scale = Math.min(1, SMALLER / Math.max(bitmap.width, bitmap.height), Math.sqrt(limits.pixels / pixels) * 0.98);
  const canvas = h("canvas", { width: Math.round(bitmap.width * scale), height: Math.round(bitmap.height * scale) });
  canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const blob = await jpeg(canvas, 0.92);
  return { blob, name, url: URL.createObjectURL(blob), bitmap: await createImageBitmap(blob), smaller: scale < 1 };
}

export function release(picture) {
  if (picture.url) URL.revokeObjectURL(picture.url);
  picture.bitmap?.close();
}

export function jpeg(canvas, quality) {
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture cannot be drawn"))), "image/jpeg", quality);
  });
}

function typed(file) {
  return file.type ? file : new Blob([file], { type: "application/octet-stream" });
}

/** The face within a box [x1, y1, x2, y2] with some room around it, as a square canvas; null without a bitmap. */
export function faceOf(bitmap, box, { side = 112, room = 0.2, label = "Face" } = {}) {
  if (!bitmap || !box) return null;
  const [x1, y1, x2, y2] = box;
  const size = Math.max(x2 - x1, y2 - y1) * (1 + 2 * room);
  const canvas = h("canvas", { width: side, height: side, class: "face", role: "img", "aria-label": label });
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, (x1 + x2 - size) / 2, (y1 + y2 - size) / 2, size, size, 0, 0, side, side);
  return canvas;
}

/**
 * The part of a picture around one face, as a JPEG blob: large enough to find the face in again,
 * and always with it in the middle, also at the edge of the picture, where the rest stays black.
 */
export async function cutOut(bitmap, box, room = 0.6) {
  const [x1, y1, x2, y2] = box;
  const side = Math.ceil(Math.max(x2 - x1, y2 - y1) * (1 + 2 * room));
  const canvas = h("canvas", { width: side, height: side });
  canvas.getContext("2d").drawImage(bitmap, Math.round(side / 2 - (x1 + x2) / 2), Math.round(side / 2 - (y1 + y2) / 2));
  return jpeg(canvas, 0.95);
}
