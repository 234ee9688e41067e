// Faces followed from frame to frame, so that a box keeps its name while it moves.

const GONE = 1200; // ms unseen after which a face has left
const FRESH = 2000; // ms for which a name holds before the face is searched again
const OVERLAP = 0.25; // of two boxes that are one face
const DOUBTS = 2; // answers in a row that must agree before a name is taken back

/** Share of two boxes [x1, y1, x2, y2] that they have in common. */
export function overlap(a, b) {
  const width = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const height = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  if (width <= 0 || height <= 0) return 0;
  const area = (box) => (box[2] - box[0]) * (box[3] - box[1]);
  return (width * height) / (area(a) + area(b) - width * height);
}

export class Tracks {
  constructor() {
    this.all = [];
    this.serial = 0;
  }

  /** Some face has no answer, or an old one: the next frame should be searched. */
  stale(now) {
    return this.all.length === 0 || this.all.some((track) => now - track.asked > FRESH);
  }

  /** faces: {box, decision or null}. Returns the tracks whose decision changed. */
  update(faces, now) {
    const changed = [];
    const free = new Set(this.all);
    const pairs = faces.flatMap((face) => this.all.map((track) => ({ face, track, share: overlap(face.box, track.box) })));
    pairs.sort((a, b) => b.share - a.share);
    const taken = new Map();
    for (const { face, track, share } of pairs) {
      if (share < OVERLAP || taken.has(face) || !free.has(track)) continue;
      taken.set(face, track);
      free.delete(track);
    }
    for (const face of faces) {
      let track = taken.get(face);
      if (!track) {
        track = { id: ++this.serial, box: face.box, shown: [...face.box], decision: null, asked: -Infinity, doubts: 0, first: now };
        this.all.push(track);
      }
      track.box = face.box;
      track.seen = now;
      if (face.decision) {
        track.asked = now;
        if (this.decide(track, face.decision)) changed.push(track);
      }
    }
    this.all = this.all.filter((track) => now - track.seen < GONE);
    return changed;
  }

  decide(track, decision) {
    const before = track.decision;
    const named = before?.status === "match";
    if (named && (decision.status !== "match" || decision.id !== before.id)) {
      track.doubts += 1;
      if (track.doubts < DOUBTS) return false;
    }
    track.doubts = 0;
    track.decision = decision;
    return !before || before.status !== decision.status || before.id !== decision.id;
  }
}
