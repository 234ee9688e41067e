"use strict";
for (const figure of document.querySelectorAll(".track")) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const plot = figure.querySelector(".plot");
  const drawing = plot.querySelector("svg");
  const cursor = plot.querySelector(".cursor");
  const when = figure.querySelector(".when");
  const outputs = [...figure.querySelectorAll(".keys output")];
  const [left, right, from, to] = data.frame;
  const last = data.times.length - 1;
  let at = 0;

  const show = (place) => {
    at = Math.min(Math.max(place, 0), last);
    const x = left + ((data.times[at] - from) / (to - from || 1)) * (right - left);
    cursor.setAttribute("x1", x);
    cursor.setAttribute("x2", x);
    cursor.style.visibility = "visible";
    const values = data.values[at];
    outputs.forEach((output, index) => { output.textContent = values ? `${(100 * values[index]).toFixed(0)} %` : "–"; });
    const time = `${data.times[at].toFixed(2)} s`;
    when.textContent = values ? time : `${time}: no answer`;
    const told = values
      ? data.names.map((name, index) => [values[index], name]).sort((a, b) => b[0] - a[0])
        .map(([value, name]) => `${name} ${(100 * value).toFixed(0)} %`).join(", ")
      : "no answer";
    plot.setAttribute("aria-valuenow", data.times[at].toFixed(2));
    plot.setAttribute("aria-valuetext", `${time}: ${told}`);
  };

  const nearest = (time) => {
    let low = 0;
    let high = last;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (data.times[middle] < time) low = middle + 1; else high = middle;
    }
    return low && time - data.times[low - 1] < data.times[low] - time ? low - 1 : low;
  };

  plot.addEventListener("pointermove", (event) => {
    const box = drawing.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * data.width;
    show(nearest(from + ((x - left) / (right - left)) * (to - from)));
  });
  plot.addEventListener("focus", () => show(at));
  plot.addEventListener("keydown", (event) => {
    const page = Math.max(Math.round(last / 10), 1);
    const steps = { ArrowRight: at + 1, ArrowUp: at + 1, ArrowLeft: at - 1, ArrowDown: at - 1, PageUp: at + page, PageDown: at - page, Home: 0, End: last };
    if (event.key in steps) {
      event.preventDefault();
      show(steps[event.key]);
    }
  });
  for (const button of figure.querySelectorAll(".keys button")) {
    button.disabled = false;
    button.addEventListener("click", () => {
      const on = button.getAttribute("aria-pressed") !== "true";
      button.setAttribute("aria-pressed", String(on));
      for (const line of plot.querySelectorAll(`.${button.dataset.name}`)) line.classList.toggle("off", !on);
    });
  }
}
