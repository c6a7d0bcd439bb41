// The page's state and what changes it: pointer, keyboard, search, legend, address.
const $ = (id) => document.getElementById(id);
const data = JSON.parse($("data").textContent);
const styles = stylesOf(data.models);
const byGroup = new Map(styles.map((style) => [style.label, style]));
for (const model of data.models) model.style = byGroup.get(model.group);

const chart = new Chart($("chart"), data.models, styles);
const dark = window.matchMedia("(prefers-color-scheme: dark)");
const state = {
  pinned: null,
  hovered: null,
  chosen: new Set(), // styles shown; none means all
  shown: (model) => state.chosen.size === 0 || state.chosen.has(model.style),
  theme: dark.matches ? "dark" : "light",
};

let queued = false;
function redraw() {
  if (queued) return;
  queued = true;
  requestAnimationFrame(() => {
    queued = false;
    chart.draw(state);
    showTip();
  });
}

function showTip() {
  const model = state.hovered;
  $("tip").hidden = !model;
  if (!model) return;
  fillTip($("tip"), model, data.models, state.theme);
  placeTip($("tip"), chart.place(model), chart);
}

function hover(model) {
  if (model === state.hovered) return;
  state.hovered = model;
  $("chart").classList.toggle("over", model !== null);
  redraw();
}

function pin(model) {
  state.pinned = model;
  state.hovered = null;
  if (model) {
    if (!state.shown(model)) state.chosen.clear();
    chart.reveal(model);
  }
  try {
    const here = location.pathname + location.search;
    history.replaceState(null, "", model ? `${here}#${encodeURIComponent(model.name)}` : here);
  } catch {
    // A page without an address of its own cannot keep the choice there.
  }
  refresh();
}

function toggle(style) {
  if (style === null) state.chosen.clear();
  else if (!state.chosen.delete(style)) state.chosen.add(style);
  if (state.chosen.size === styles.length) state.chosen.clear();
  if (state.pinned && !state.shown(state.pinned)) state.pinned = null;
  refresh();
}

// Rewrites what stands beside the chart, keeping the keyboard's place in it.
function refresh() {
  const section = document.activeElement && document.activeElement.closest("#legend");
  const place = section ? [...section.querySelectorAll(".list button")].indexOf(document.activeElement) : -1;
  fillDetail($("detail"), state.pinned, data, state.theme, pin);
  fillLegend($("legend"), styles, data.colour, state.chosen, state.theme, toggle);
  if (place >= 0) $("legend").querySelectorAll(".list button")[place].focus();
  redraw();
}

// Pointer: move hovers, drag moves the map, click pins.
let drag = null;
$("chart").addEventListener("pointerdown", (event) => {
  drag = { x: event.offsetX, y: event.offsetY, moved: false };
  $("chart").setPointerCapture(event.pointerId);
});
$("chart").addEventListener("pointermove", (event) => {
  if (!drag) return hover(chart.hit(event.offsetX, event.offsetY, state.shown));
  const [dx, dy] = [event.offsetX - drag.x, event.offsetY - drag.y];
  if (!drag.moved && Math.hypot(dx, dy) < 4) return;
  drag = { x: event.offsetX, y: event.offsetY, moved: true };
  $("chart").classList.add("drag");
  state.hovered = null;
  chart.pan(dx, dy);
  redraw();
});
$("chart").addEventListener("pointerup", (event) => {
  if (drag && !drag.moved) pin(chart.hit(event.offsetX, event.offsetY, state.shown));
  $("chart").classList.remove("drag");
  drag = null;
});
$("chart").addEventListener("pointercancel", () => (drag = null));
$("chart").addEventListener("pointerleave", () => !drag && hover(null));
$("chart").addEventListener("wheel", (event) => {
  event.preventDefault();
  chart.zoom(Math.exp(-event.deltaY / 400), event.offsetX, event.offsetY);
  redraw();
}, { passive: false });

const zoomBy = (factor) => () => { chart.zoom(factor); redraw(); };
$("closer").addEventListener("click", zoomBy(1.5));
$("farther").addEventListener("click", zoomBy(1 / 1.5));
$("fit").addEventListener("click", () => { chart.fit(); redraw(); });

// Keyboard on the chart.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
$("chart").addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (ARROWS[event.key]) {
    const from = state.hovered || state.pinned;
    const to = from ? chart.neighbourTowards(from, ...ARROWS[event.key], state.shown) : data.models.find(state.shown);
    if (to) { chart.reveal(to); hover(to); $("said").textContent = `${to.name}, ${to.label || "no label"}`; }
  } else if (event.key === "Enter" || event.key === " ") {
    if (state.hovered) pin(state.hovered);
  } else if (event.key === "Escape") {
    pin(null);
  } else if (event.key === "+" || event.key === "=") {
    zoomBy(1.5)();
  } else if (event.key === "-") {
    zoomBy(1 / 1.5)();
  } else if (event.key === "0") {
    chart.fit();
    redraw();
  } else {
    return;
  }
  event.preventDefault();
});

// Search: names that begin with the words come first, then those that hold them.
const search = $("search");
const results = $("results");
let found = [];
let marked = 0;
function find() {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const text = (model) => `${model.name} ${model.label}`.toLowerCase();
  found = words.length ? data.models.filter((m) => words.every((word) => text(m).includes(word))) : [];
  const first = (m) => (m.name.toLowerCase().startsWith(words[0]) ? 0 : 1);
  found = found.sort((a, b) => first(a) - first(b)).slice(0, 12);
  marked = 0;
  showResults(words.length > 0);
}
function showResults(open) {
  results.hidden = !open;
  search.setAttribute("aria-expanded", String(open));
  const lines = found.map((model, i) =>
    element("li", { role: "option", id: `result-${i}`, "aria-selected": String(i === marked), onpointerdown: (event) => { event.preventDefault(); take(model); } },
      swatch(model.style, state.theme), model.name));
  results.replaceChildren(...(lines.length ? lines : [element("li", { class: "none" }, "No variant has these words in its name or label.")]));
  if (found.length && open) search.setAttribute("aria-activedescendant", `result-${marked}`);
  else search.removeAttribute("aria-activedescendant");
}
function take(model) {
  search.value = "";
  found = [];
  showResults(false);
  pin(model);
}
search.addEventListener("input", find);
search.addEventListener("blur", () => showResults(false));
search.addEventListener("focus", () => search.value && find());
search.addEventListener("keydown", (event) => {
  if (event.key === "ArrowDown" || event.key === "ArrowUp") {
    marked = (marked + (event.key === "ArrowDown" ? 1 : -1) + found.length) % Math.max(1, found.length);
    showResults(found.length > 0);
    event.preventDefault();
  } else if (event.key === "Enter" && found[marked]) {
    take(found[marked]);
  } else if (event.key === "Escape") {
    take(null);
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key === "/" && document.activeElement !== search) {
    search.focus();
    event.preventDefault();
  }
});

// The page begins.
$("title").textContent = data.title;
fillFacts($("facts"), data);
dark.addEventListener("change", () => {
  state.theme = dark.matches ? "dark" : "light";
  refresh();
});
// A resized canvas is empty: it is drawn before the browser shows it.
new ResizeObserver(() => { chart.resize(); chart.draw(state); showTip(); }).observe($("chart"));
chart.resize();
function pinFromAddress() {
  let name = "";
  try {
    name = decodeURIComponent(location.hash.slice(1));
  } catch {
    return;
  }
  pin(data.models.find((model) => model.name === name && name) || null);
}
window.addEventListener("hashchange", pinFromAddress);
pinFromAddress();
