"use strict";
// Long tables: sort, search and turn pages. The rows are data in the page and are written as text, never as HTML.
for (const root of document.querySelectorAll(".records")) {
  const { columns, rows } = JSON.parse(root.querySelector("script").textContent);
  const body = root.querySelector("tbody");
  const status = root.querySelector("[role=status]");
  const search = root.querySelector("input[type=search]");
  const size = root.querySelector(".size");
  const [back, forth] = root.querySelectorAll(".pager button");
  const buttons = [...root.querySelectorAll("thead button")];
  const picks = [...root.querySelectorAll("select[data-column]")];
  const text = rows.map((row) => row.filter((cell) => typeof cell === "string").join("\n").toLowerCase());
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  let shown = rows.map((_, at) => at);
  let page = 0;
  let sorted = { column: -1, down: false };

  const write = (cell, column) => {
    if (cell === null) return "–";
    return typeof cell === "number" && column.kind === "number" ? cell.toFixed(column.digits) : String(cell);
  };

  const draw = () => {
    const step = Number(size.value);
    const pages = Math.max(1, Math.ceil(shown.length / step));
    page = Math.min(Math.max(page, 0), pages - 1);
    const part = shown.slice(page * step, (page + 1) * step);
    body.replaceChildren(...part.map((at) => {
      const line = document.createElement("tr");
      columns.forEach((column, place) => {
        const cell = document.createElement("td");
        if (column.kind === "number") cell.className = "number";
        cell.textContent = write(rows[at][place], column);
        line.append(cell);
      });
      return line;
    }));
    const first = shown.length ? page * step + 1 : 0;
    const last = Math.min(shown.length, (page + 1) * step);
    const of = shown.length === rows.length ? "" : ` found, ${rows.length.toLocaleString("en")} in all`;
    status.textContent = `${first.toLocaleString("en")}–${last.toLocaleString("en")} of ${shown.length.toLocaleString("en")}${of}`;
    back.disabled = page === 0;
    forth.disabled = page === pages - 1;
  };

  const select = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const wanted = picks.filter((pick) => pick.value !== "").map((pick) => [Number(pick.dataset.column), pick.value]);
    shown = [];
    for (let at = 0; at < rows.length; at += 1) {
      if (words.every((word) => text[at].includes(word)) && wanted.every(([column, value]) => (rows[at][column] ?? "–") === value)) shown.push(at);
    }
    if (sorted.column >= 0) {
      const { column, down } = sorted;
      const sign = down ? -1 : 1;
      shown.sort((one, other) => {
        const [a, b] = [rows[one][column], rows[other][column]];
        if (a === null || b === null) return (a === null) - (b === null) || one - other; // what is missing stays last
        return sign * (typeof a === "number" && typeof b === "number" ? a - b : compare(a, b)) || one - other;
      });
    }
    page = 0;
    draw();
  };

  buttons.forEach((button, column) => button.addEventListener("click", () => {
    sorted = { column, down: sorted.column === column ? !sorted.down : false };
    buttons.forEach((each, place) => each.closest("th").setAttribute(
      "aria-sort", place === column ? (sorted.down ? "descending" : "ascending") : "none"));
    select();
  }));
  search.addEventListener("input", select);
  picks.forEach((pick) => pick.addEventListener("change", select));
  size.addEventListener("change", () => { page = 0; draw(); });
  back.addEventListener("click", () => { page -= 1; draw(); });
  forth.addEventListener("click", () => { page += 1; draw(); });
  root.querySelectorAll("[hidden]").forEach((each) => { each.hidden = false; });
  root.querySelector(".unscripted").hidden = true;
  buttons.forEach((each) => { each.disabled = false; });
  draw();
}
