// The sections of the page: which there are, and which a role may open.

import { may } from "./session.js";
import { show as booth } from "./views/booth.js";
import { show as check } from "./views/check.js";
import { show as decisions } from "./views/decisions.js";
import { show as galleries } from "./views/galleries.js";
import { show as health } from "./views/health.js";
import { show as identify } from "./views/identify.js";
import { show as audit } from "./views/audit.js";
import { show as keys } from "./views/keys.js";
import { show as people } from "./views/people.js";
import { show as sort } from "./views/sort.js";
import { show as thresholds } from "./views/thresholds.js";

// letter: after g, on the keyboard. roles: any of them opens the section; empty: everybody.
export const SECTIONS = [
  { id: "people", label: "People", icon: "people", letter: "p", roles: ["viewer"], show: people },
  { id: "identify", label: "Identify", icon: "scan", letter: "i", roles: ["operator"], show: identify },
  { id: "check", label: "Live check", icon: "live", letter: "c", roles: ["operator"], show: check },
  { id: "sort", label: "Sort faces", icon: "sort", letter: "s", roles: ["operator"], show: sort },
  { id: "booth", label: "Photo booth", icon: "camera", letter: "b", roles: ["operator"], show: booth },
  { id: "decisions", label: "Decisions", icon: "history", letter: "d", roles: ["operator", "auditor"], show: decisions },
  { id: "thresholds", label: "Thresholds", icon: "sliders", letter: "t", roles: ["viewer"], show: thresholds },
  { id: "galleries", label: "Galleries", icon: "gallery", letter: "l", roles: ["viewer"], group: "Administration", show: galleries },
  { id: "keys", label: "Keys and roles", icon: "key", letter: "k", roles: ["admin"], group: "Administration", show: keys },
  { id: "audit", label: "Audit log", icon: "book", letter: "a", roles: ["auditor"], group: "Administration", show: audit },
  { id: "health", label: "Health", icon: "pulse", letter: "h", roles: [], group: "Administration", show: health },
];

export function sectionsFor() {
  return SECTIONS.filter((one) => !one.roles.length || one.roles.some(may));
}
