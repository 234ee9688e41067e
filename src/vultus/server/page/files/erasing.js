// Erasing a person for good, and the receipt that shows what was done and looked at.

import { ask, inGallery } from "./api.js";
import { field, h, notice, pairs } from "./dom.js";
import { dialog } from "./messages.js";
import { bytes, count, moment } from "./words.js";

/** Ask for the name once more, then erase; resolves with the receipt, null when it was not done. */
export function eraseDialog(gallery, person) {
  const name = h("input", { autocomplete: "off", spellcheck: "false", required: true });
  const reason = h("input", { autocomplete: "off", maxlength: "500", placeholder: "For example: request of 24 November" });
  const wrong = h("p", { class: "bad small", role: "alert" });
  return dialog(
    "Erase with proof",
    [
      notice("bad", "This cannot be undone", "All faces, crops and the name are deleted, their bytes overwritten, and every file of the gallery is searched for what may be left."),
      field(`Type the name to go on: ${person.name}`, name),
      wrong,
      field("Reason", reason, "Goes into the audit log. Do not write the name there."),
    ],
    [
      {
        label: "Erase for good",
        icon: "erase",
        kind: "risk",
        run: () => {
          if (name.value.trim() !== person.name) {
            wrong.textContent = "That is another name.";
            name.setAttribute("aria-invalid", "true");
            name.focus();
            return false;
          }
          return ask("POST", inGallery(gallery, "erase"), { body: { person: person.id, reason: reason.value }, once: true });
        },
      },
    ],
  );
}

const STATUS = {
  erased: ["good", "Erased", "Nothing of this person was found in the gallery's files."],
  pending: ["warn", "Gone from every search, files not finished", "Another program still reads the older state. An administrator can finish it under Galleries."],
  traces: ["bad", "Traces were found", "Look at the files named below."],
};

/** Show what an erasure did and looked at; the receipt can be kept as a file. */
export function receiptDialog(receipt) {
  const [kind, title, text] = STATUS[receipt.status] ?? STATUS.traces;
  const rows = pairs(
    ["Person", h("code", null, receipt.person), h("div", { class: "small soft" }, "A receipt does not repeat the name.")],
    ["Deleted", `${count(receipt.templates, "face")}, ${count(receipt.crops, "crop")}`],
    receipt.key_destroyed === null || receipt.key_destroyed === undefined ? null : ["Person's key", receipt.key_destroyed ? "destroyed" : "NOT destroyed"],
    receipt.files && ["Searched", `${count(receipt.files.length, "file")}, ${bytes(receipt.bytes ?? 0)}, for ${count(receipt.needles ?? 0, "pattern")}`],
    ["Found", receipt.hits?.length ? receipt.hits.map(([file, n]) => h("div", null, `${file}: ${count(n, "pattern")}`)) : "nothing"],
    receipt.name_scanned === false && ["Name", "not searched for: it is part of other texts"],
    receipt.not_covered?.length ? ["Not covered", receipt.not_covered.map((one) => h("div", null, one))] : ["Not covered", "copies and backups that were made before"],
    ["Revision", `${receipt.revision_before} → ${receipt.revision_after}`],
    ["When", moment(receipt.at)],
  );
  return dialog(
    "Receipt of the erasure",
    [notice(kind, title, text), rows],
    [{ label: "Save the receipt", icon: "download", run: () => saveAs(`erasure-${receipt.person}.json`, JSON.stringify(receipt, null, 2)) && false }],
    { close: "Close" },
  );
}

/** Let the browser save a text as a file. */
export function saveAs(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
  return true;
}
