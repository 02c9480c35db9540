// Phases as bars and ends as signs, as the data's `looks` have them (lab/views/visual_language.py).

const END_OF = { queued: "open", discarded: "open", undeliverable_notifications: "abandoned" };
const SHOUTED = new Set(["lost", "twice"]);

/** The sign of an outcome. */
function endLook(run, outcome) {
  const { ends } = run.data.looks;
  return ends[END_OF[outcome] || outcome] || ends.open;
}

/** An outcome as it is written: its glyph, and LOST and TWICE in capitals. */
function endWords(run, outcome) {
  const words = SHOUTED.has(outcome) ? outcome.toUpperCase() : outcome.replace(/_/g, " ");
  return `${endLook(run, outcome).glyph} ${words}`;
}

/** What a canvas is filled with for a phase: a colour, or a hatch of it where mail waits. */
function phaseFill(context, run, colours, name) {
  const look = run.data.looks.phases[name];
  const colour = colours[look.colour];
  if (!look.waits) return colour;
  const tile = document.createElement("canvas");
  tile.width = tile.height = 6;
  const on = tile.getContext("2d");
  on.globalAlpha = 0.2;
  on.fillStyle = colour;
  on.fillRect(0, 0, 6, 6);
  Object.assign(on, { globalAlpha: 1, strokeStyle: colour, lineWidth: 2 });
  on.beginPath();
  for (const shift of [-6, 0, 6]) {
    if (look.turn === 90) {
      on.moveTo(3, 0);
      on.lineTo(3, 6);
    } else {
      on.moveTo(shift, look.turn > 0 ? 6 : 0);
      on.lineTo(shift + 6, look.turn > 0 ? 0 : 6);
    }
  }
  on.stroke();
  return context.createPattern(tile, "repeat");
}

/** The fills of all phases. */
function phaseFills(context, run, colours) {
  return Object.fromEntries(Object.keys(run.data.looks.phases).map((name) => [name, phaseFill(context, run, colours, name)]));
}

/** A small drawing beside a word of a legend or a list. */
function swatch(draw, width = 18, height = 11) {
  const canvas = make("canvas", { width: width * 2, height: height * 2, "aria-hidden": "true", class: "swatch" });
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const context = canvas.getContext("2d");
  context.scale(2, 2);
  draw(context, width, height);
  return canvas;
}

/** A sign of the visual language at a point, `reach` pixels to each side. */
function drawSign(context, look, colours, x, y, reach) {
  context.save();
  context.translate(x, y);
  context.scale(reach / 6, reach / 6);
  const path = new Path2D(look.outline);
  const colour = colours[look.colour] || colours.ink;
  Object.assign(context, { lineJoin: "round", lineWidth: (look.full ? 1 : 2) * Math.min(2, 6 / reach) });
  context.fillStyle = look.full ? colour : colours.panel;
  context.strokeStyle = look.full ? colours.ink : colour;
  context.fill(path);
  context.stroke(path);
  context.restore();
}

/** What each phase and each end looks like, in words beside a sample. */
function phaseLegend(run, colours) {
  return Object.entries(run.data.looks.phases).map(([name, look]) => make("span", {}, swatch((context, width, height) => {
    context.fillStyle = phaseFill(context, run, colours, name);
    context.fillRect(0, look.waits ? height * 0.2 : 0, width, look.waits ? height * 0.6 : height);
  }), look.words));
}

function endLegend(run, colours) {
  return Object.values(run.data.looks.ends).map((look) => make("span", {}, swatch((context, width, height) => {
    drawSign(context, look, colours, width / 2, height / 2, height * 0.45);
  }, 16, 14), look.words));
}
