// What every section about a gallery shows when there is none.

import { empty, fill, h, icon } from "./dom.js";
import { may } from "./session.js";

export function noGallery(page) {
  page.head("No gallery yet", null);
  fill(
    page.body,
    may("admin")
      ? empty("gallery", "Make the first gallery", "A gallery holds the people that are known. Most need one; several keep groups of people and their keys apart.", h("a", { class: "button main", href: "#/galleries" }, icon("add"), "Make a gallery"))
      : empty("gallery", "There is no gallery for your key", "Ask an administrator to make one, or for a key that is for another gallery."),
  );
}
