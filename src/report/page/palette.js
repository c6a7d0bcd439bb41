// Which mark stands for which label: six colours that colour-blind people tell apart (Okabe and Ito 2008), a darker
// set for light grounds and a lighter one for dark grounds, times four shapes. src/report/palette.h has the light set.
const COLOURS = {
  light: ["#0072b2", "#d55e00", "#009e73", "#b5488b", "#d99000", "#35a3e0"],
  dark: ["#4a9ff0", "#ff7f3f", "#2fc79b", "#e58cc2", "#f2bd4b", "#8ed4ff"],
};
const NO_LABEL = { light: "#8a8f98", dark: "#7f8894" };
const SHAPES = ["circle", "square", "triangle", "diamond"];

// [{label, count, colour(theme), shape}] of what models are coloured by (model.group: label or cluster), the most
// frequent first, models without one last.
function stylesOf(models) {
  const counts = new Map();
  for (const model of models) counts.set(model.group, (counts.get(model.group) || 0) + 1);
  const labels = [...counts].map(([label, count]) => ({ label, count }));
  labels.sort((a, b) => (a.label === "") - (b.label === "") || b.count - a.count || (a.label < b.label ? -1 : 1));
  labels.forEach((style, i) => {
    style.shape = style.label === "" ? "circle" : SHAPES[Math.floor(i / 6) % 4];
    const grey = style.label === "" && labels.length > 1;
    style.colour = (theme) => (grey ? NO_LABEL[theme] : COLOURS[theme][i % 6]);
  });
  return labels;
}

// Traces a mark of radius r around (x, y).
function traceMark(context, shape, x, y, r) {
  context.beginPath();
  if (shape === "circle") {
    context.arc(x, y, r, 0, 2 * Math.PI);
  } else if (shape === "square") {
    context.rect(x - 0.9 * r, y - 0.9 * r, 1.8 * r, 1.8 * r);
  } else if (shape === "triangle") {
    context.moveTo(x, y - 1.15 * r);
    context.lineTo(x + 1.1 * r, y + 0.85 * r);
    context.lineTo(x - 1.1 * r, y + 0.85 * r);
    context.closePath();
  } else {
    context.moveTo(x, y - 1.25 * r);
    context.lineTo(x + 1.25 * r, y);
    context.lineTo(x, y + 1.25 * r);
    context.lineTo(x - 1.25 * r, y);
    context.closePath();
  }
}

// A small canvas that shows a style, for the legend and lists.
function swatch(style, theme) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  canvas.className = "swatch";
  canvas.setAttribute("aria-hidden", "true");
  const context = canvas.getContext("2d");
  context.fillStyle = style.colour(theme);
  traceMark(context, style.shape, 14, 14, 10);
  context.fill();
  return canvas;
}
