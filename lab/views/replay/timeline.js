// The clock of playing, which leaves out waiting, and the timeline over it.

/**
 * A mapping of times of the run to seconds of playing: one to one while something is on a wire; each
 * of the waits that the data names (lab/analysis/waits.py) takes no more than a short while.
 */
class Scale {
  constructor(run, skip) {
    this.times = [0];
    this.places = [0];
    const { skipped, lasting } = run.waits;
    this.folds = skip ? skipped : [];
    for (const [from, to] of this.folds) {
      this._reach(from, 1);
      this.times.push(to);
      this.places.push(this.places[this.places.length - 1] + lasting);
    }
    this._reach(Math.max(run.last, 1e-3), 1);
    this.length = this.places[this.places.length - 1];
  }

  _reach(t) {
    const before = this.times.length - 1;
    if (t <= this.times[before]) return;
    this.places.push(this.places[before] + t - this.times[before]);
    this.times.push(t);
  }

  /** Whether the time between two events is a wait that is left out. */
  folded(before, after) {
    let [low, high] = [0, this.folds.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.folds[middle][0] < before) low = middle + 1;
      else high = middle;
    }
    return low < this.folds.length && this.folds[low][1] <= after;
  }

  /** Where a time lies, in seconds of playing. */
  place(t) { return between(this.times, this.places, t); }

  /** The time at a place. */
  time(place) { return between(this.places, this.times, place); }
}

function between(from, to, x) {
  const k = Math.min(Math.max(countTo(from, x), 1), from.length - 1);
  const share = (x - from[k - 1]) / (from[k] - from[k - 1]);
  if (share >= 1) return to[k];
  return to[k - 1] + Math.max(share, 0) * (to[k] - to[k - 1]);
}

const AXIS = 18;
const EDGE = 12; // as far as a slider's thumb keeps from its ends
const MOST_LANES = 24; // recipients up to which each has a lane of its own; the table has those of all
const FAULT_LANES = 3;

class TimelineView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this.window = null; // the part that is shown, in seconds of playing; all of it
    this.span = null; // the span of time that is selected, in seconds of the run
    this.pack();
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      from = event.shiftKey ? this._timeAt(event) : null;
      if (from === null) this._seek(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!event.buttons) this._over(event);
      else if (from === null) this._seek(event);
      else this.choose([from, this._timeAt(event)].sort((a, b) => a - b));
    });
    canvas.addEventListener("pointerup", () => { if (from !== null) player.moved(); from = null; });
    canvas.addEventListener("pointerleave", () => player.tip(null));
    canvas.addEventListener("wheel", (event) => {
      if (!player.options.page && !event.ctrlKey) return;
      event.preventDefault();
      this.zoomBy(2 ** (-event.deltaY / 300), this._placeAt(event));
    }, { passive: false });
  }

  // -- the part that is shown -----------------------------------------------------------------------

  get shown() { return this.window || [0, this.player.scale.length]; }

  /** Where a time lies in the part that is shown, from 0 to 1. */
  share(t) {
    const [low, high] = this.shown;
    return (this.player.scale.place(t) - low) / (high - low);
  }

  x(t) { return EDGE + this.share(t) * (this.width - 2 * EDGE); }

  _placeAt(event) {
    const share = (this.point(event)[0] - EDGE) / (this.width - 2 * EDGE);
    const [low, high] = this.shown;
    return low + Math.min(1, Math.max(0, share)) * (high - low);
  }

  _timeAt(event) { return this.player.scale.time(this._placeAt(event)); }

  _seek(event) { this.player.seekPlace(this._placeAt(event)); }

  /** Show less of the time, or more, about a place; about now where none is given. */
  zoomBy(factor, about = this.player.scale.place(this.player.t)) {
    const whole = this.player.scale.length;
    const [low, high] = this.shown;
    const length = Math.min(whole, Math.max(whole / 1e5, (high - low) / factor));
    const share = (Math.min(Math.max(about, low), high) - low) / (high - low);
    const begin = Math.min(Math.max(0, about - share * length), whole - length);
    this.window = length >= whole * 0.999 ? null : [begin, begin + length];
    this.key = null;
    this.player.redraw();
  }

  /** Keep the present in sight. */
  follow(t) {
    if (!this.window) return;
    const place = this.player.scale.place(t);
    const [low, high] = this.window;
    if (place >= low && place <= high) return;
    const length = high - low;
    const begin = Math.min(Math.max(0, place - length * 0.1), this.player.scale.length - length);
    this.window = [begin, begin + length];
    this.key = null;
  }

  /** Select a span of time, for all panels. */
  choose(span) {
    this.span = span;
    this.player.panels.messages.show(true);
    this.player.redraw();
  }

  // -- drawing --------------------------------------------------------------------------------------

  draw(n, t) {
    const { theme, skip, message } = this.player;
    if (this.player.playing) this.follow(t);
    this.beneath([theme, skip, this.shown, message].join("/"), (context) => this._whole(context));
    const { context, colours } = this;
    const x = Math.min(Math.max(this.x(t), 0), this.width);
    if (this.span) {
      const [left, right] = this.span.map((at) => this.x(at));
      Object.assign(context, { strokeStyle: colours.select, lineWidth: 1.5 });
      context.strokeRect(left, 1, Math.max(2, right - left), this.height - AXIS - 2);
    }
    context.globalAlpha = 0.5;
    context.fillStyle = colours.panel;
    context.fillRect(x, 0, this.width - x, this.height - AXIS);
    context.globalAlpha = 1;
    context.fillStyle = colours.select;
    context.fillRect(x - 1, 0, 2, this.height - AXIS + 4);
    if (!this.words) return;
    context.font = `11px ${SANS}`;
    Object.assign(context, { textAlign: "left", textBaseline: "top" });
    // the caption keeps off the line of the present
    const free = x < EDGE || x > EDGE + context.measureText(this.words).width + 6;
    Object.assign(context, { textAlign: free ? "left" : "right" });
    haloed(context, this.words, free ? EDGE : this.width - EDGE, 1, colours.ink, colours.panel);
  }

  _whole(context) {
    this._folds(context);
    const base = this.height - AXIS;
    const faults = this._faults(context, base);
    this.words = "";
    const count = this.run.recipients.count;
    const room = base - 14 - faults;
    this.lanes = null;
    if (count && count <= MOST_LANES && room / count >= 2.5) this._lanes(context, Math.min(15, room / count));
    else this._totals(context, room, base - faults);
    this._axis(context);
  }

  /** Faults into as few rows as can be, so that none hides another. */
  pack() {
    const ends = [];
    this.faultRows = this.run.faults.map((fault) => {
      const [from, to] = this._times(fault);
      let row = ends.findIndex((end) => end <= from);
      if (row < 0) row = ends.length;
      ends[row] = to;
      return row;
    });
  }

  _times(fault) {
    const { run } = this;
    return [run.t[fault.enter], fault.leave >= run.count ? run.last : run.t[fault.leave]];
  }

  /** The faults, in rows above the axis; the height of these rows. */
  _faults(context, base) {
    const { run, colours } = this;
    if (!run.faults.length) return 0;
    const rows = Math.min(FAULT_LANES, Math.max(...this.faultRows) + 1);
    const high = this.height < 80 ? 6 : 9;
    run.faults.forEach((fault, k) => {
      const y = base - high * (Math.min(this.faultRows[k], rows - 1) + 1);
      const [from, to] = this._times(fault).map((t) => this.x(t));
      if (to < 0 || from > this.width) return;
      const look = run.data.looks.faults[fault.enter === fault.leave ? "moment" : fault.down ? "down" : "disturbed"];
      context.fillStyle = colours["fault-shade"];
      context.fillRect(from, 0, Math.max(1, to - from), base);
      context.fillStyle = colours[fault.down ? "down" : "fault"];
      context.fillRect(from, y + 2, Math.max(2, to - from), high - 4);
      drawSign(context, look, colours, Math.max(from, 5), y + high / 2, high / 2);
    });
    return rows * high + 2;
  }

  /** A lane for each recipient: its phases, and its end. */
  _lanes(context, high) {
    const { run, player } = this;
    const fills = this.player.fills(context);
    let y = 13;
    this.lanes = [];
    for (let row = 0; row < run.recipients.count; row += 1) {
      const chosen = player.message === run.recipients.message[row];
      context.save();
      context.globalAlpha = player.message === null || chosen ? 1 : 0.3;
      context.translate(EDGE, 0);
      drawLane(context, player, row, this.width - 2 * EDGE, y, Math.max(2, high - 2), fills);
      context.restore();
      this.lanes.push([y, row]);
      y += high;
    }
  }

  /** For more: how many recipients are in which phase at each moment, and ends along the bottom. */
  _totals(context, room, base) {
    const { run, colours } = this;
    const width = Math.max(1, Math.round(this.width - 2 * EDGE));
    const names = Object.keys(run.data.looks.phases);
    const levels = this._levels(width, names);
    const most = levels.total.reduce((a, b) => Math.max(a, b), 0) || 1;
    const fills = this.player.fills(context);
    const under = new Float64Array(width);
    for (const name of names) {
      context.fillStyle = fills[name];
      context.beginPath();
      for (let x = 0; x < width; x += 1) context.lineTo(EDGE + x, base - (under[x] / most) * room);
      for (let x = width - 1; x >= 0; x -= 1) {
        context.lineTo(EDGE + x, base - ((under[x] + levels[name][x]) / most) * room);
      }
      context.fill();
      for (let x = 0; x < width; x += 1) under[x] += levels[name][x];
    }
    const peak = Math.round(most);
    this.words = `recipients under way, by phase; at most ${peak.toLocaleString("en")}`;
    this._bad(context, base);
  }

  /** How many recipients are in each phase, for each pixel: the mean over its time. */
  _levels(width, names) {
    const { run } = this;
    const levels = Object.fromEntries([...names, "total"].map((name) => [name, new Float64Array(width + 1)]));
    const places = this._places();
    const [low, high] = this.shown;
    const x = (k) => ((places[k] - low) / (high - low)) * width;
    let place = 0;
    for (const numbers of run.data.recipients.spent) {
      let left = x(place);
      for (let k = 0; k < numbers.length; k += 5) {
        const right = x(place += 1);
        spread(levels[run.data.recipients.phases[numbers[k]]], left, right, width);
        spread(levels.total, left, right, width);
        left = right;
      }
      place += 1;
    }
    for (const level of Object.values(levels)) for (let x = 1; x <= width; x += 1) level[x] += level[x - 1];
    return levels;
  }

  /** Where phases begin and end, in seconds of playing: of each recipient one more than it has phases. */
  _places() {
    const { scale } = this.player;
    if (this.placed === scale) return this.placesOfPhases;
    const { spent, at } = this.run.data.recipients;
    const places = [];
    spent.forEach((numbers, row) => {
      let t = at[row];
      places.push(scale.place(t / 1e6));
      for (let k = 0; k < numbers.length; k += 5) places.push(scale.place((t += numbers[k + 4]) / 1e6));
    });
    this.placed = scale;
    this.placesOfPhases = Float64Array.from(places);
    return this.placesOfPhases;
  }

  /** The ends that are not deliveries, where they were; the same ones near one another as one. */
  _bad(context, base) {
    const { run, colours } = this;
    const { recipients } = run;
    const taken = new Set();
    for (let row = 0; row < recipients.count; row += 1) {
      const outcome = recipients.outcome[row];
      if (outcome === "delivered" || run.endsLater(row)) continue;
      const x = this.x(recipients.at[row] + recipients.took[row]);
      const key = `${outcome}${Math.round(x / 8)}`;
      if (x < 0 || x > this.width || taken.has(key)) continue;
      taken.add(key);
      drawSign(context, endLook(run, outcome), colours, Math.min(x, this.width - 6), base - 6, 5);
    }
  }

  /** Say what is under the pointer: faults, and the lane. */
  _over(event) {
    const { run, player } = this;
    const [, y] = this.point(event);
    const t = this._timeAt(event);
    const slack = player.scale.time(this._placeAt(event) + (this.shown[1] - this.shown[0]) * 0.004) - t;
    const words = run.faults.filter((fault) => {
      const [from, to] = this._times(fault);
      return from - slack <= t && t <= to + slack;
    }).map((fault) => `${fault.words}${fault.host < 0 ? "" : ` at ${run.hostName(fault.host)}`}`).slice(0, 4);
    const lane = this.lanes && this.lanes.find(([top], k) => y >= top && y < (this.lanes[k + 1] || [this.height])[0]);
    if (lane) {
      const [, row] = lane;
      const phase = run.phasesOf(row).find((spent) => spent.from <= t && t <= spent.to);
      words.push(`message ${run.recipients.message[row]} to ${run.recipients.to[row]}: `
        + (phase ? `${run.data.looks.phases[phase.name].words}, ${phase.why}` : run.recipients.outcome[row]));
    }
    player.tip(`${clock(t)}${words.length ? ` · ${words.join(" · ")}` : ""}`, event);
  }

  _folds(context) {
    const { folds } = this.player.scale;
    context.font = `10px ${SANS}`;
    Object.assign(context, { textAlign: "center", textBaseline: "top" });
    for (const [from, to] of folds) {
      const [left, right] = [this.x(from), this.x(to)];
      if (right - left < 2) continue;
      context.fillStyle = this.colours.faint;
      context.fillRect(left, 0, right - left, this.height - AXIS);
      const words = duration(Number((to - from).toPrecision(2)), this.run.data.units);
      if (context.measureText(words).width > right - left - 4) continue;
      context.fillStyle = this.colours.quiet;
      context.fillText(words, (left + right) / 2, 1);
    }
  }

  _axis(context) {
    const { colours, player } = this;
    const { steps } = this.run.data;
    const inner = this.width - 2 * EDGE;
    const [low, high] = this.shown;
    Object.assign(context, { fillStyle: colours.quiet, strokeStyle: colours.line, lineWidth: 1 });
    context.font = `10.5px ${SANS}`;
    Object.assign(context, { textBaseline: "bottom", textAlign: "center" });
    let free = 0;
    for (let x = EDGE; x < this.width - EDGE; x += 6) {
      if (x < free) continue;
      const at = (px) => player.scale.time(low + ((px - EDGE) / inner) * (high - low));
      const least = (at(x + 80) - at(x)) / 1.5;
      const step = steps.find((size) => size >= least) || steps[steps.length - 1];
      const t = Math.ceil(at(x) / step - 1e-9) * step;
      const place = this.x(t);
      if (t > player.run.last || place < free || place > this.width - 24) continue;
      context.fillRect(place, this.height - AXIS, 1, 4);
      const digits = step < 1 ? Math.max(0, Math.ceil(-Math.log10(step) - 1e-9)) : 0;
      context.fillText(clock(t, Math.min(digits, 6)), Math.max(place, 14), this.height);
      free = place + 76;
    }
  }
}

/** Add one to a level, as differences, from one place to another; partly where they lie within a pixel. */
function spread(level, left, right, width) {
  const [from, to] = [Math.min(Math.max(left, 0), width), Math.min(Math.max(right, 0), width)];
  if (to <= from) return;
  const [first, last] = [Math.floor(from), Math.floor(to)];
  if (first === last) {
    level[first] += to - from;
    if (first < width) level[first + 1] -= to - from;
    return;
  }
  level[first] += first + 1 - from;
  level[first + 1] += from - first;
  if (last < width) {
    level[last] -= last + 1 - to;
    level[last + 1] -= to - last;
  }
}
