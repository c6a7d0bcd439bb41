// The chart: where points lie on the screen, what is drawn, and which point is under the pointer.
const MARGIN = 56; // room around the fitted layout, for names
const MOST_NAMED = 70; // visible points whose names are written

class Chart {
  constructor(canvas, models, styles) {
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.models = models;
    this.styles = styles;
    this.view = { x: 0, y: 0, zoom: 1 };
    this.wide = Math.max(1e-6, ...models.map((m) => Math.abs(m.x)));
    this.high = Math.max(1e-6, ...models.map((m) => Math.abs(m.y)));
    if (models.length === 1) this.wide = this.high = 1;
  }

  // Fits the canvas to its box; true when something changed.
  resize() {
    const ratio = window.devicePixelRatio || 1;
    const { width, height } = this.canvas.getBoundingClientRect();
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * ratio);
    this.canvas.height = Math.round(height * ratio);
    this.context.setTransform(ratio, 0, 0, ratio, 0, 0);
  }

  get scale() {
    const x = (this.width / 2 - MARGIN) / this.wide;
    const y = (this.height / 2 - MARGIN) / this.high;
    return Math.max(1, Math.min(x, y)) * this.view.zoom;
  }

  place(model) {
    return {
      x: this.width / 2 + (model.x - this.view.x) * this.scale,
      y: this.height / 2 - (model.y - this.view.y) * this.scale,
    };
  }

  // Zooms by a factor; what is at (x, y) on the screen stays there.
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const before = this.scale;
    this.view.zoom = Math.min(200, Math.max(0.5, this.view.zoom * factor));
    const change = 1 / before - 1 / this.scale;
    this.view.x += (x - this.width / 2) * change;
    this.view.y -= (y - this.height / 2) * change;
  }

  pan(dx, dy) {
    this.view.x -= dx / this.scale;
    this.view.y += dy / this.scale;
  }

  fit() {
    this.view = { x: 0, y: 0, zoom: 1 };
  }

  // Moves the view when a model lies outside it.
  reveal(model) {
    const p = this.place(model);
    if (p.x < 20 || p.y < 20 || p.x > this.width - 20 || p.y > this.height - 20) {
      this.view.x = model.x;
      this.view.y = model.y;
    }
  }

  get radius() {
    const n = this.models.length;
    return Math.min(9, (n <= 100 ? 6.5 : n <= 1000 ? 4.5 : 3.2) * Math.pow(this.view.zoom, 0.2));
  }

  // The nearest shown model within reach of the pointer, or null.
  hit(x, y, shown) {
    let best = null;
    let least = Math.pow(this.radius + 7, 2);
    for (const model of this.models) {
      if (!shown(model)) continue;
      const p = this.place(model);
      const distance = (p.x - x) ** 2 + (p.y - y) ** 2;
      if (distance < least) [best, least] = [model, distance];
    }
    return best;
  }

  // The model one comes to from `from` in a direction of the screen.
  neighbourTowards(from, dx, dy, shown) {
    const a = this.place(from);
    let best = null;
    let least = Infinity;
    for (const model of this.models) {
      if (model === from || !shown(model)) continue;
      const b = this.place(model);
      const along = (b.x - a.x) * dx + (b.y - a.y) * dy;
      const across = Math.abs((b.x - a.x) * dy - (b.y - a.y) * dx);
      if (along <= 0.5 || across > 1.5 * along) continue;
      const cost = along + 2 * across;
      if (cost < least) [best, least] = [model, cost];
    }
    return best;
  }

  // state: {pinned, hovered, shown(model), theme}
  draw(state) {
    const c = this.context;
    const css = getComputedStyle(document.documentElement);
    this.ink = css.getPropertyValue("--ink");
    this.soft = css.getPropertyValue("--soft");
    this.halo = css.getPropertyValue("--halo");
    this.paper = css.getPropertyValue("--paper");
    this.accent = css.getPropertyValue("--accent");
    c.clearRect(0, 0, this.width, this.height);
    const near = new Set(state.pinned ? state.pinned.near.map(([i]) => this.models[i]) : []);
    if (state.pinned) this.drawLines(state);
    const strong = (model) => !state.pinned || model === state.pinned || near.has(model);
    for (const pass of [false, true])
      for (const model of this.models)
        if (state.shown(model) && strong(model) === pass) this.drawMark(model, state, pass);
    for (const model of [state.pinned, state.hovered]) if (model) this.drawRing(model, model === state.pinned);
    this.drawNames(state, near);
  }

  drawLines(state) {
    const c = this.context;
    const from = this.place(state.pinned);
    for (const [index, cosine] of state.pinned.near) {
      const model = this.models[index];
      if (!state.shown(model)) continue;
      const to = this.place(model);
      c.globalAlpha = 0.15 + 0.75 * Math.max(0, cosine);
      c.lineWidth = 1 + 1.5 * Math.max(0, cosine);
      c.strokeStyle = this.accent;
      c.beginPath();
      c.moveTo(from.x, from.y);
      c.lineTo(to.x, to.y);
      c.stroke();
    }
    c.globalAlpha = 1;
  }

  drawMark(model, state, strong) {
    const c = this.context;
    const p = this.place(model);
    if (p.x < -20 || p.y < -20 || p.x > this.width + 20 || p.y > this.height + 20) return;
    c.globalAlpha = strong ? 1 : 0.22;
    traceMark(c, model.style.shape, p.x, p.y, this.radius);
    c.fillStyle = model.noEffect ? this.paper : model.style.colour(state.theme);
    c.fill();
    c.lineWidth = model.noEffect ? 1.75 : 1;
    c.strokeStyle = model.noEffect ? model.style.colour(state.theme) : this.paper;
    c.stroke();
    c.globalAlpha = 1;
  }

  drawRing(model, pinned) {
    const c = this.context;
    const p = this.place(model);
    c.beginPath();
    c.arc(p.x, p.y, this.radius + 4.5, 0, 2 * Math.PI);
    c.lineWidth = pinned ? 2.5 : 1.5;
    c.strokeStyle = pinned ? this.accent : this.ink;
    c.stroke();
  }

  // Names beside points, most important first, each where it covers neither a mark nor another name. With many points
  // in view only the labels are written, in the middle of their points.
  drawNames(state, near) {
    const visible = this.models.filter((m) => {
      const p = this.place(m);
      return state.shown(m) && p.x > 0 && p.y > 0 && p.x < this.width && p.y < this.height;
    });
    const rank = (m) => (m === state.pinned ? 0 : near.has(m) ? 1 : 2);
    const named = visible.length <= MOST_NAMED ? visible : visible.filter((m) => rank(m) < 2);
    named.sort((a, b) => rank(a) - rank(b));
    const taken = [];
    if (visible.length <= 400)
      for (const m of visible) {
        const p = this.place(m);
        const r = this.radius;
        taken.push([p.x - r, p.y - r, p.x + r, p.y + r]);
      }
    for (const m of named) {
      const p = this.place(m);
      this.write(shortened(m.name, 30), p, this.radius + 5, rank(m) < 2 ? this.ink : this.soft, taken, rank(m) === 0);
    }
    if (visible.length > MOST_NAMED && !state.pinned) this.drawLabels(visible);
  }

  drawLabels(visible) {
    for (const style of this.styles.slice(0, 40)) {
      const own = visible.filter((m) => m.style === style);
      if (style.label === "" || own.length === 0) continue;
      const places = own.map((m) => this.place(m));
      const sorted = (axis) => places.map((p) => p[axis]).sort((a, b) => a - b);
      const at = (values, share) => values[Math.floor(share * (values.length - 1))];
      const [xs, ys] = [sorted("x"), sorted("y")];
      // Above a small group, in the middle of a large one, where the text hides little of it.
      const tight = at(ys, 0.95) - at(ys, 0.05) < 140;
      const p = { x: at(xs, 0.5), y: tight ? at(ys, 0.05) - this.radius - 9 : at(ys, 0.5) };
      this.write(shortened(style.label, 30), p, null, this.ink, [], true);
    }
  }

  // gap: distance from the point, or null to write over it.
  write(text, p, gap, colour, taken, bold) {
    const c = this.context;
    c.font = `${bold ? "600 13px" : "12px"} system-ui, "Noto Sans", sans-serif`;
    const width = c.measureText(text).width;
    const places =
      gap === null
        ? [[p.x - width / 2, p.y + 4]]
        : [
            [p.x + gap, p.y + 4],
            [p.x - gap - width, p.y + 4],
            [p.x - width / 2, p.y - gap - 3],
            [p.x - width / 2, p.y + gap + 10],
          ];
    const must = bold && gap !== null; // the pinned model's name is written, whatever it covers
    if (must) places.push([Math.min(Math.max(4, p.x - width / 2), this.width - width - 4), p.y - gap - 3]);
    for (const [n, [x, y]] of places.entries()) {
      const last = must && n === places.length - 1;
      const box = [x - 2, y - 11, x + width + 2, y + 3];
      if (gap !== null && !last && (box[0] < 2 || box[2] > this.width - 2 || box[1] < 2 || box[3] > this.height - 2)) continue;
      const meets = ([l, t, r, b]) => box[0] < r && l < box[2] && box[1] < b && t < box[3];
      if (gap !== null && !last && taken.some(meets)) continue;
      taken.push(box);
      c.lineJoin = "round";
      c.lineWidth = 4;
      c.strokeStyle = this.halo;
      c.strokeText(text, x, y);
      c.fillStyle = colour;
      c.fillText(text, x, y);
      return;
    }
  }
}

// At most n characters, the middle left out: both ends of a name tell it apart.
function shortened(text, n) {
  const characters = [...text];
  if (characters.length <= n) return text;
  return characters.slice(0, Math.ceil(n / 2)).join("") + "…" + characters.slice(1 - Math.floor(n / 2)).join("");
}
