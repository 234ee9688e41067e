// What this tab remembers: the key (in sessionStorage, gone with the tab, never in an
// address), who it belongs to, the gallery that is looked at, and the answers of this session.

const KEY = "vultus.key";
const GALLERY = "vultus.gallery";

const LADDER = ["viewer", "operator", "enroller", "admin"];

export const ROLES = {
  viewer: ["Viewer", "sees people and thresholds"],
  operator: ["Operator", "also identifies faces"],
  enroller: ["Enroller", "also adds and changes people"],
  admin: ["Administrator", "may do everything"],
  auditor: ["Auditor", "reads the audit log, nothing else"],
  monitor: ["Monitor", "reads the server's figures, nothing else"],
};

/** caller: {id, role, label, galleries, …} of the key; null before signing in. */
export const session = { caller: null, galleries: [], decisions: [] };

export function key() {
  return sessionStorage.getItem(KEY);
}

export function keep(secret) {
  sessionStorage.setItem(KEY, secret);
}

export function forget() {
  sessionStorage.removeItem(KEY);
  sessionStorage.removeItem(GALLERY);
  Object.assign(session, { caller: null, galleries: [], decisions: [] });
}

/** Whether the key's role covers another, as the server has it; the server decides in any case. */
export function may(role) {
  const own = session.caller?.role;
  if (!own) return false;
  if (own === "admin" || own === role) return true;
  return LADDER.includes(own) && LADDER.includes(role) && LADDER.indexOf(own) >= LADDER.indexOf(role);
}

export function roleName(role) {
  return ROLES[role]?.[0] ?? role;
}

export function gallery() {
  const chosen = sessionStorage.getItem(GALLERY);
  return session.galleries.includes(chosen) ? chosen : (session.galleries[0] ?? null);
}

export function chooseGallery(name) {
  sessionStorage.setItem(GALLERY, name);
}

/** Forget what this tab remembers of somebody who was removed. */
export function forgetPerson(id) {
  session.decisions = session.decisions.filter((one) => one.id !== id);
}

/** Remember what was decided in this tab, the latest first; pictures stay in this tab only. */
export function remember(decision) {
  session.decisions.unshift(decision);
  session.decisions.length = Math.min(session.decisions.length, 300);
}
