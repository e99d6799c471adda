"use strict";
// Zooms timelines by changing their view box; the page is complete without it, save for the detail.
for (const figure of document.querySelectorAll(".timeline")) {
  const svg = figure.querySelector("svg");
  const area = figure.querySelector(".lane-area");
  const tip = figure.querySelector(".tip");
  const range = figure.querySelector(".range");
  const ticks = [...figure.querySelectorAll(".x-ticks span")];
  const total = +figure.dataset.length;
  const [, , width, height] = svg.getAttribute("viewBox").split(" ").map(Number);
  const least = Math.max(200, width / 1000);
  let left = 0;
  let shown = width;
  let stretches = null;

  const time = (ns) => {
    for (const [unit, size] of [["s", 1e9], ["ms", 1e6], ["µs", 1e3]]) {
      if (ns >= size) return (ns / size).toPrecision(ns / size >= 1000 ? 4 : 3) + " " + unit;
    }
    return Math.round(ns) + " ns";
  };
  // Every label with as many digits as neighbouring labels need to differ.
  const instant = (ns) => {
    const span = (shown / width) * total;
    const [unit, size] = total >= 1e9 ? ["s", 1e9] : total >= 1e6 ? ["ms", 1e6] : ["µs", 1e3];
    const digits = Math.max(0, Math.min(9, Math.ceil(-Math.log10(span / size / 40))));
    return (ns / size).toFixed(digits) + " " + unit;
  };
  const draw = () => {
    shown = Math.min(width, Math.max(least, shown));
    left = Math.min(width - shown, Math.max(0, left));
    svg.setAttribute("viewBox", `${left} 0 ${shown} ${height}`);
    ticks.forEach((tick, index) => {
      tick.textContent = instant(((left + (shown * index) / (ticks.length - 1)) / width) * total);
    });
    const all = shown >= width;
    range.textContent = all ? "" : `${instant((left / width) * total)} to ${instant(((left + shown) / width) * total)}`;
    figure.querySelector('[data-do="out"]').disabled = all;
    figure.querySelector('[data-do="all"]').disabled = all;
    figure.querySelector('[data-do="left"]').disabled = left <= 0;
    figure.querySelector('[data-do="right"]').disabled = left + shown >= width;
    figure.querySelector('[data-do="in"]').disabled = shown <= least;
  };
  const zoom = (factor, at = 0.5) => {
    const fixed = left + shown * at;
    shown = Math.min(width, Math.max(least, shown * factor));
    left = fixed - shown * at;
    draw();
  };
  const actions = {
    in: () => zoom(0.5),
    out: () => zoom(2),
    left: () => { left -= shown / 4; draw(); },
    right: () => { left += shown / 4; draw(); },
    all: () => { left = 0; shown = width; draw(); },
  };
  const keys = { "+": "in", "=": "in", "-": "out", ArrowLeft: "left", ArrowRight: "right", 0: "all", Home: "all" };

  for (const button of figure.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  area.addEventListener("keydown", (event) => {
    const action = keys[event.key];
    if (action && !event.ctrlKey && !event.metaKey && !event.altKey) {
      event.preventDefault();
      actions[action]();
    }
  });
  area.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && !event.metaKey) return;
    event.preventDefault();
    const box = area.getBoundingClientRect();
    zoom(event.deltaY < 0 ? 0.8 : 1.25, (event.clientX - box.left) / box.width);
  }, { passive: false });
  area.addEventListener("dblclick", (event) => {
    const box = area.getBoundingClientRect();
    zoom(0.4, (event.clientX - box.left) / box.width);
  });

  // What the paths say, by lane, for the words at the pointer.
  const read = () => {
    const lanes = [];
    for (const path of svg.querySelectorAll("path")) {
      const lane = (lanes[path.dataset.lane] ||= []);
      let at = 0;
      for (const [, gap, run] of path.getAttribute("d").matchAll(/m(\d+) 0h(\d+)/g)) {
        at += +gap;
        lane.push([at, at + +run, path.dataset.state, path.dataset.label]);
        at += +run;
      }
    }
    for (const lane of lanes) lane?.sort((one, other) => one[0] - other[0]);
    return lanes;
  };
  const names = [...figure.querySelectorAll(".lane-names li")].map((name) => name.title);
  const point = (event) => {
    const box = area.getBoundingClientRect();
    stretches ||= read();
    const lane = Math.floor(((event.clientY - box.top) / box.height) * names.length);
    const at = left + ((event.clientX - box.left) / box.width) * shown;
    const near = shown / box.width;
    const found = stretches[lane]?.find(([from, to]) => from - near <= at && at < to + near);
    tip.hidden = !found;
    if (!found) return;
    const [from, to, state, label] = found;
    tip.textContent = `${names[lane]}: ${state}${label ? " · " + label : ""}, ${time(((to - from) / width) * total)} from ${instant((from / width) * total)}`;
    const x = event.clientX - box.left;
    tip.style.left = x > box.width / 2 ? "" : `${x + 12}px`;
    tip.style.right = x > box.width / 2 ? `${box.width - x + 12}px` : "";
    tip.style.top = `${event.clientY - box.top + 14}px`;
  };
  let drag = null;
  area.addEventListener("pointerdown", (event) => {
    if (shown < width) {
      drag = [event.clientX, left];
      area.setPointerCapture(event.pointerId);
    }
  });
  area.addEventListener("pointermove", (event) => {
    if (!drag) return point(event);
    left = drag[1] - ((event.clientX - drag[0]) / area.clientWidth) * shown;
    draw();
  });
  area.addEventListener("pointerup", () => { drag = null; });
  area.addEventListener("pointercancel", () => { drag = null; });
  area.addEventListener("pointerleave", () => { tip.hidden = true; });
  draw();
}
// On paper everything is open.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((each) => { each.open = true; }));
