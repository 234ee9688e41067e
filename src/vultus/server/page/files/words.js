// Codes of the server in words for people: what happened, and what to do.

export const PROBLEMS = {
  unreachable: ["The server does not answer", "Check that it runs and that this computer can reach it. What you did last was not saved unless it is shown."],
  unauthorized: ["The key is not valid", "It may be mistyped, expired or revoked. Ask an administrator for another one."],
  forbidden: ["Your key may not do this", "Ask an administrator for a key with another role."],
  rate_limited: ["Too many requests", "Wait a moment; the page goes on by itself where it can."],
  queue_full: ["The server is busy", "Many pictures are waiting. Try again in a moment."],
  probe_limit: ["Too many close calls about one person", "So that nobody can feel their way towards a face, searches with this key rest for a while."],
  invalid_image: ["This is not a picture, or a damaged one", "JPEG, PNG, WebP, TIFF and BMP can be read."],
  too_large: ["The picture is too large", "Make it smaller, or ask an administrator to raise the limit."],
  no_face: ["No face was found", "Take a picture in which the face is seen from the front, well lit, and at least 40 pixels wide."],
  several_faces: ["More than one face was found", "Take a picture with this person alone, or cut it to one face."],
  face_refused: ["The face is not good enough", "A sharper, larger or better lit picture from the front helps."],
  not_live: ["Not taken for a living face", "Somebody must be there in person: with the face well lit, some room around it, and no print, screen or mask. This is evidence, not proof."],
  challenge_failed: ["The live check was not answered as asked", "Each is good once. Begin another one."],
  conflict: ["That is taken already", null],
  not_found: ["It is not there any more", "Somebody may have removed it. Load the page again."],
  contract_mismatch: ["Two models would meet", "The gallery was made with another model. An administrator must migrate it first."],
  gallery_busy: ["Another program writes to the gallery", "Try again in a moment."],
  gallery_unusable: ["The gallery cannot be used", "An administrator should look at it with vultus gallery check."],
  storage_unusable: ["The disk is full or cannot be written", "Nothing was saved. An administrator must make room."],
  no_operating_point: ["No threshold stands for that error rate", "Choose a higher rate."],
  precondition_failed: ["It changed meanwhile", "Somebody else was faster. Look again and decide anew."],
  too_slow: ["The connection is too slow", "Try again, or use smaller pictures."],
  invalid_request: ["This cannot be used", null],
  missing_extra: ["The server lacks an optional package", null],
  internal: ["Something broke on the server", "Its log knows more; give the request's number to whoever runs it."],
};

export const REFUSALS = {
  NOT_LIVE: "not taken for a living face",
  LIVENESS_UNKNOWN: "living or not cannot be said",
  LOW_CONFIDENCE: "hardly a face",
  SMALL_BOUNDING_BOX: "too small",
  LOW_SHARPNESS: "blurred",
  LOW_BRIGHTNESS: "too dark",
  HIGH_BRIGHTNESS: "too bright",
  LOW_CONTRAST: "too flat",
  EXTREME_POSE: "turned too far away",
  CUT_BY_FRAME: "cut by the edge of the picture",
  LOW_FACE_QUALITY: "poor quality",
  EYES_COVERED: "eyes covered",
  MOUTH_COVERED: "mouth covered",
};

export const STATUS = {
  match: ["Match", "check"],
  unknown: ["Unknown", "person"],
  ambiguous: ["Ambiguous", "warn"],
  conflict: ["Conflict", "warn"],
  rejected: ["Not usable", "info"],
};

/** What else is decided: by comparisons, by attack detection, by live checks. */
export const DECIDED = {
  ...STATUS,
  different: ["Different", "person"],
  no_decision: ["No decision", "info"],
  not_live: ["Not living", "warn"],
  live: ["Living", "check"],
  passed: ["Passed", "check"],
  failed: ["Not passed", "warn"],
};

export const STATUS_MEANS = {
  match: "The best person reaches the threshold.",
  unknown: "Nobody in the gallery reaches the threshold.",
  ambiguous: "Two people reach the threshold and are too close to each other.",
  conflict: "Another face in the picture fits this person better.",
  rejected: "The face is not good enough to be searched; that says nothing about who it is.",
};

const ACTIONS = {
  "identify": "Searched for faces",
  "verify": "Compared two pictures",
  "liveness": "Asked whether faces are living",
  "challenge": "Did a live check",
  "expression": "Asked what faces show",
  "person.refuse": "Refused to enrol: not living",
  "person.create": "Made a person without faces",
  "person.enroll": "Enrolled pictures",
  "person.rename": "Renamed a person",
  "person.merge": "Merged people",
  "person.split": "Split a person",
  "person.remove": "Removed a person",
  "person.erase": "Erased a person",
  "face.index": "Stored faces without a person",
  "face.move": "Moved faces",
  "face.free": "Took faces from a person",
  "face.remove": "Removed a face",
  "feedback.reject": "Rejected a match",
  "feedback.undo": "Took a rejection back",
  "gallery.create": "Made a gallery",
  "gallery.delete": "Deleted a gallery",
  "gallery.change": "Changed a gallery",
  "gallery.migrate": "Moved a gallery to another model",
  "gallery.rates": "Changed the error rates",
  "gallery.export": "Exported a gallery",
  "gallery.import": "Imported a gallery",
  "key.create": "Made a key",
  "key.revoke": "Revoked a key",
  "key.rotate": "Rotated a key",
};

/** What entries of the audit log may be about. */
export const KINDS = Object.keys(ACTIONS);

export function action(code) {
  return ACTIONS[code] ?? code.replaceAll(".", " ").replaceAll("_", " ");
}

export function refusal(one) {
  return REFUSALS[one.code] ?? one.code.toLowerCase().replaceAll("_", " ");
}

/** 0.0123 as "1.2 %", small ones as "1 in 30,000". */
export function rate(value) {
  if (value === null || value === undefined) return "not known";
  if (value >= 0.001) return `${trim(value * 100)} %`;
  return oneIn(value);
}

export function oneIn(value) {
  if (!(value > 0)) return "never";
  const n = 1 / value;
  const step = 10 ** Math.max(0, Math.floor(Math.log10(n)) - 1);
  return `1 in ${(Math.round(n / step) * step).toLocaleString("en")}`;
}

function trim(value) {
  return Number(value.toPrecision(2)).toLocaleString("en", { maximumFractionDigits: 4 });
}

export function score(value) {
  return value === null || value === undefined ? "not told" : value.toFixed(2);
}

export function bytes(value) {
  const units = ["bytes", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (value >= 1000 && at < units.length - 1) {
    value /= 1000;
    at += 1;
  }
  return `${at ? value.toFixed(value < 10 ? 1 : 0) : value} ${units[at]}`;
}

/** An embedding contract, short enough to be read; the whole of it is the title. */
export function short(contract) {
  const [scheme, digest = ""] = contract.split(":");
  return digest ? `${scheme}:${digest.slice(0, 12)}…` : contract;
}

export function count(n, one, many = `${one}s`) {
  return `${n.toLocaleString("en")} ${n === 1 ? one : many}`;
}

/** Who did something: the label of the key where it is known, else its id. */
export function actor(text, labels) {
  const id = text.replace(/^key:/, "");
  return labels.get(id) || id;
}

/** A moment in the reader's own zone; null: never. */
export function moment(text, never = "never") {
  if (!text) return never;
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return date.toLocaleString(undefined, { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
}

/** The day alone. */
export function day(text) {
  return new Date(text).toLocaleDateString(undefined, { year: "numeric", month: "short", day: "numeric" });
}

export function ago(text, never = "never") {
  if (!text) return never;
  const seconds = (Date.now() - new Date(text).getTime()) / 1000;
  if (seconds < 45) return "just now";
  if (seconds < 5400) return `${Math.max(1, Math.round(seconds / 60))} min ago`;
  if (seconds < 129600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86400)} days ago`;
}
