// Several people made one.

import { ask, inGallery } from "./api.js";
import { h } from "./dom.js";
import { cover } from "./faces.js";
import { dialog, say } from "./messages.js";
import { count } from "./words.js";

/** Make several people one; resolves with the person, or null. */
export function mergeDialog(gallery, people) {
  const most = people.reduce((best, one) => (one.templates > best.templates ? one : best));
  const options = people.map((one) =>
    h(
      "label",
      { class: "option" },
      h("input", { type: "radio", name: "into", value: one.id, checked: one.id === most.id }),
      cover(gallery, one),
      h("span", { class: "grow clip" }, one.name, h("br"), h("span", { class: "small soft" }, count(one.templates, "face"))),
    ),
  );
  const list = h("fieldset", null, h("legend", null, "Whose name stays?"), h("div", { class: "picker" }, options));
  return dialog(
    "Merge people",
    [h("p", null, "All faces go to one person. The other names stay as aliases, so that they are still found, and a split can undo the merge."), list],
    [
      {
        label: `Merge ${people.length} people`,
        icon: "merge",
        run: async () => {
          const into = list.querySelector("input:checked").value;
          const others = people.filter((one) => one.id !== into).map((one) => one.id);
          const merged = await ask("POST", inGallery(gallery, "persons", into, "merge"), { body: { others }, once: true });
          say(`${count(people.length, "person", "people")} are now ${merged.name}.`);
          return merged;
        },
      },
    ],
  );
}
