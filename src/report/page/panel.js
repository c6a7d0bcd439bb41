// The page beside the chart: facts, the tooltip, what is known of one model, the legend. Text only ever enters the
// page as text nodes: names come from files that anybody may have written.
function element(tag, properties = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(properties)) {
    if (key === "class") node.className = value;
    else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else node.setAttribute(key, value);
  }
  node.append(...children);
  return node;
}

const twoDigits = (value) => value.toFixed(2).replace("-", "−");
const significant = (value) => (value === 0 ? "0" : Number(value.toPrecision(3)).toString().replace("-", "−"));

function fillFacts(list, data) {
  const n = data.models.length;
  const fact = (value, text) => element("li", {}, element("b", {}, value), text);
  list.append(fact(n.toLocaleString("en"), n === 1 ? " variant" : " variants"));
  if (data.silhouette !== null) list.append(fact(data.silhouette.toFixed(3).replace("-", "−"), " silhouette by label" + (data.silhouetteSampled ? ", sampled" : "")));
  list.append(element("li", {}, data.representation), element("li", {}, data.projection));
}

function labelLine(model, theme) {
  return element("div", { class: "label" }, swatch(model.style, theme), model.label || "no label");
}

function fillTip(tip, model, models, theme) {
  const near = element("div", { class: "near" });
  for (const [index, cosine] of model.near.slice(0, 3))
    near.append(element("div", {}, `${twoDigits(cosine)}  ${models[index].name}`));
  tip.replaceChildren(
    element("strong", {}, model.name),
    labelLine(model, theme),
    model.noEffect ? "no effect" : `norm ${significant(model.norm)}`,
    ...(model.near.length ? [near] : []),
  );
}

// Beside the point, inside the plot.
function placeTip(tip, at, chart) {
  const { offsetWidth: width, offsetHeight: height } = tip;
  const x = at.x + 16 + width < chart.width ? at.x + 16 : at.x - 16 - width;
  tip.style.left = `${Math.max(4, x)}px`;
  tip.style.top = `${Math.min(Math.max(4, at.y - height / 2), Math.max(4, chart.height - height - 4))}px`;
}

function fillDetail(section, model, data, theme, choose) {
  if (!model) return section.replaceChildren(...overview(data));
  const facts = element("dl");
  const fact = (name, value) => facts.append(element("dt", {}, name), element("dd", {}, value));
  fact("norm", significant(model.norm));
  if (model.relative !== null) fact("norm relative to the base", `${significant(100 * model.relative)} %`);
  if (model.cluster) fact("cluster of", model.cluster);
  if (model.base) fact("base", model.base);
  if (model.path) fact("from", model.path);
  const list = element("ul", { class: "list" });
  for (const [index, cosine] of model.near) {
    const other = data.models[index];
    const bar = element("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = `${100 * Math.max(0, cosine)}%`;
    list.append(
      element("li", {}, element("button", { type: "button", onclick: () => choose(other), title: other.name }, bar,
        element("span", {}, swatch(other.style, theme)), element("span", { class: "name" }, other.name),
        element("span", { class: "number" }, twoDigits(cosine)))),
    );
  }
  const release = element("button", { type: "button", class: "plain", onclick: () => choose(null) }, "Close");
  section.replaceChildren(
    element("div", { class: "row" }, element("h2", {}, model.name), release),
    labelLine(model, theme),
    facts,
    ...(model.noEffect ? [element("p", {}, "No effect: on the probes it does what its base does, so it has no direction to compare.")] : []),
    ...(model.near.length ? [element("h3", {}, "Nearest by cosine"), list] : []),
    ...(!model.noEffect && !model.near.length ? [element("p", {}, "There is no other variant to compare it with yet.")] : []),
  );
}

// What stands there while nothing is pinned.
function overview(data) {
  const still = data.models.filter((m) => m.noEffect).length;
  const out = [
    element("h2", {}, "Near means alike"),
    element("p", {}, `Each point is a finetuned model: the change it makes to ${data.base}. Models that change it in the same direction lie together.`),
    element("p", {}, "Click a point for its neighbours. Scroll to zoom, drag to move."),
  ];
  if (still) out.push(element("p", {}, `${still === 1 ? "One point is" : `${still} points are`} hollow: no effect on the probes.`));
  return out;
}

// Labels or clusters as buttons: the first click shows one alone, further ones add to it.
function fillLegend(section, styles, colour, chosen, theme, toggle) {
  if (styles.length === 1 && styles[0].label === "") {
    section.replaceChildren(element("h3", {}, "No labels yet"),
      element("p", {}, "Colours come from labels. Give one with ", element("code", {}, "deltascape label NAME LABEL"), " and draw the map again."));
    return;
  }
  const list = element("ul", { class: "list" });
  for (const style of styles) {
    const on = chosen.has(style);
    list.append(
      element("li", {}, element("button", { type: "button", "aria-pressed": String(on), class: chosen.size && !on ? "faded" : "", onclick: () => toggle(style) },
        element("span", {}, swatch(style, theme)), element("span", { class: "name" }, style.label || `no ${colour}`),
        element("span", { class: "number" }, String(style.count)))),
    );
  }
  const all = element("button", { type: "button", class: "plain", onclick: () => toggle(null) }, "Show all");
  section.replaceChildren(element("div", { class: "row" }, element("h3", {}, colour === "cluster" ? "Clusters, by their middle" : "Labels"), ...(chosen.size ? [all] : [])), list);
}
