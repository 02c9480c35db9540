// A canvas of the size of its place, and colours that follow the light or dark theme of the page.

const COLOURS = ["paper", "panel", "faint", "ink", "quiet", "line", "edge", "command", "reply", "refusal", "mail",
  "session", "relay", "router", "spool", "retry", "opening", "queue", "sending", "dialogue", "drop", "select",
  "delivered", "returned", "lost", "twice", "down", "fault", "fault-shade", "given-up", "host"];

/** The colours of the style sheet as the root element has them now. */
function palette(root) {
  const style = getComputedStyle(root);
  return Object.fromEntries(COLOURS.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
}

const SANS = "system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif";
const MONO = "ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace";

/** A view that is drawn: a canvas, its size in CSS pixels, and a picture that is kept below. */
class Drawing {
  constructor(player, canvas) {
    this.player = player;
    this.run = player.run;
    this.canvas = canvas;
    this.context = canvas.getContext("2d");
    this.kept = document.createElement("canvas");
    this.key = null;
    this.width = this.height = 0;
  }

  get colours() { return this.player.colours; }

  /** Take the size of the place that the canvas has on the page. */
  fit() {
    const scale = Math.min(globalThis.devicePixelRatio || 1, 2);
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === this.width && height === this.height && scale === this.scale) return;
    Object.assign(this, { width, height, scale, key: null });
    for (const canvas of [this.canvas, this.kept]) {
      canvas.width = Math.max(1, Math.round(width * scale));
      canvas.height = Math.max(1, Math.round(height * scale));
    }
    this.arrange();
  }

  /** Find the places of things, after the size has changed. */
  arrange() {}

  /**
   * Draw the part that changes rarely. It is drawn anew only if `key` is another than last time: at
   * first straight onto the canvas, for it may change with every frame, and kept from the next on.
   */
  beneath(key, draw) {
    const context = this.context;
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    if (key !== this.key) {
      this.key = key;
      this.isKept = false;
      context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
      draw(context);
      return;
    }
    if (!this.isKept) {
      const kept = this.kept.getContext("2d");
      kept.setTransform(this.scale, 0, 0, this.scale, 0, 0);
      kept.clearRect(0, 0, this.width, this.height);
      draw(kept);
      this.isKept = true;
    }
    context.drawImage(this.kept, 0, 0);
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
  }

  /** Where a pointer is on the canvas. */
  point(event) {
    const box = this.canvas.getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  }
}

/** A cross, `reach` pixels to each side. */
function cross(context, x, y, reach, colour, width = 2.5) {
  context.save();
  Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: "round" });
  context.beginPath();
  for (const side of [-1, 1]) {
    context.moveTo(x - reach, y - side * reach);
    context.lineTo(x + reach, y + side * reach);
  }
  context.stroke();
  context.restore();
}

/** An envelope, for mail data. */
function envelope(context, x, y, width, fill, stroke) {
  const height = width * 0.68;
  const [left, top] = [x - width / 2, y - height / 2];
  Object.assign(context, { fillStyle: fill, strokeStyle: stroke, lineWidth: 1.2 });
  context.beginPath();
  context.rect(left, top, width, height);
  context.fill();
  context.stroke();
  context.beginPath();
  context.moveTo(left, top);
  context.lineTo(x, y + height * 0.12);
  context.lineTo(left + width, top);
  context.stroke();
}

/** Text with a border in the colour of the background, so that it can be read over lines. */
function haloed(context, text, x, y, ink, paper) {
  Object.assign(context, { strokeStyle: paper, lineWidth: 3, lineJoin: "round", fillStyle: ink });
  context.strokeText(text, x, y);
  context.fillText(text, x, y);
}
