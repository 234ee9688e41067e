// The camera: opened on request, closed when its section is left. Frames go to this server only.

import { h } from "./dom.js";
import { jpeg } from "./pictures.js";

const WORDS = {
  NotAllowedError: "The browser was not allowed to use the camera. Allow it beside the address bar, then try again.",
  NotFoundError: "No camera was found. Connect one, then try again.",
  NotReadableError: "The camera is used by another program. Close that, then try again.",
  OverconstrainedError: "This camera cannot be used. Choose another one.",
};

/** Why there cannot be a camera, in words; null where there can. */
export function noCamera() {
  if (!window.isSecureContext) return "Browsers open the camera only over HTTPS or on this computer (127.0.0.1). Serve with TLS to use it from elsewhere.";
  if (!navigator.mediaDevices?.getUserMedia) return "This browser gives no access to a camera.";
  return null;
}

/** Open the camera into a video element; the caller closes it. Resolves with the list of cameras; refused with an Error in words. */
export async function openCamera(video, signal, device = null, { width, height } = { width: 1280, height: 720 }) {
  const no = noCamera();
  if (no) throw new Error(no);
  closeCamera(video);
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({
      audio: false,
      video: { width: { ideal: width }, height: { ideal: height }, ...(device ? { deviceId: { exact: device } } : { facingMode: "user" }) },
    });
  } catch (error) {
    throw new Error(WORDS[error.name] ?? `The camera could not be opened (${error.name}).`);
  }
  if (signal.aborted) {
    stop(stream);
    throw new DOMException("stopped", "AbortError");
  }
  video.srcObject = stream;
  await video.play();
  const devices = await navigator.mediaDevices.enumerateDevices();
  return devices.filter((one) => one.kind === "videoinput").map((one, at) => [one.deviceId, one.label || `Camera ${at + 1}`]);
}

export function closeCamera(video) {
  if (video.srcObject) stop(video.srcObject);
  video.srcObject = null;
}

function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}

/** A video element that shows the camera. */
export function viewfinder(label) {
  return h("video", { playsinline: true, autoplay: true, "aria-label": label, class: "viewfinder" });
}

const sheet = document.createElement("canvas");

/** What the camera sees now: {blob, size, bitmap}, at most `longest` pixels wide or high. bitmap: its pixels, where they are to be kept. */
export async function frame(video, { longest = 1280, quality = 0.9, keep = false } = {}) {
  const scale = Math.min(1, longest / Math.max(video.videoWidth, video.videoHeight));
  sheet.width = Math.round(video.videoWidth * scale);
  sheet.height = Math.round(video.videoHeight * scale);
  sheet.getContext("2d").drawImage(video, 0, 0, sheet.width, sheet.height);
  const size = [sheet.width, sheet.height];
  const [blob, bitmap] = await Promise.all([jpeg(sheet, quality), keep ? createImageBitmap(sheet) : null]);
  return { blob, size, bitmap };
}
