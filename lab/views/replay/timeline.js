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

const HOP_COLOURS = ["command", "mail", "reply", "session"];
const AXIS = 18;
const EDGE = 12; // as far as a slider's thumb keeps from its ends

class TimelineView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this.lanes = this.run.data.lanes; // none, if there are too many messages
    const seek = (event) => {
      const share = (this.point(event)[0] - EDGE) / (this.width - 2 * EDGE);
      player.seekPlace(Math.min(1, Math.max(0, share)) * player.scale.length);
    };
    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      seek(event);
    });
    canvas.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
  }

  x(t) {
    const { scale } = this.player;
    return EDGE + (scale.place(t) / scale.length) * (this.width - 2 * EDGE);
  }

  draw(n, t) {
    const { theme, skip } = this.player;
    this.beneath(`${theme}/${skip}`, (context) => this._whole(context));
    const { context, colours } = this;
    const x = this.x(t);
    context.globalAlpha = 0.55;
    context.fillStyle = colours.panel;
    context.fillRect(x, 0, this.width - x, this.height - AXIS);
    context.globalAlpha = 1;
    context.fillStyle = colours.select;
    context.fillRect(x - 1, 0, 2, this.height - AXIS + 4);
    if (!this.most) return;
    const words = `line: mail in spools, at most ${this.most.toLocaleString("en")}`;
    context.font = `11px ${SANS}`;
    Object.assign(context, { textAlign: "left", textBaseline: "top" });
    haloed(context, this.width < 560 ? words : `filled: what crosses the wires · ${words}`, EDGE, 1,
      colours.ink, colours.panel);
  }

  _whole(context) {
    this._folds(context);
    const room = this.height - AXIS - 14;
    const high = Math.min(15, room / Math.max(this.lanes.length, 1));
    this.most = 0;
    if (this.lanes.length && high >= 3) this._lanes(context, high);
    else this._totals(context, room);
    this._axis(context);
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

  /** A lane for each message: when it lay in a spool and when it crossed a session. */
  _lanes(context, each) {
    const { colours } = this;
    let y = 14;
    for (const { message, waits, hops, ends } of this.lanes) {
      const high = Math.max(2, each - 2);
      context.fillStyle = colours.spool;
      context.globalAlpha = 0.5;
      for (const [from, to] of waits) this._bar(context, from, to, y + high * 0.35, high * 0.3);
      context.globalAlpha = 1;
      hops.forEach(([from, to], k) => {
        context.fillStyle = colours[HOP_COLOURS[k % HOP_COLOURS.length]];
        this._bar(context, from, to, y, high);
        const wide = this.x(to / 1e6) - this.x(from / 1e6);
        if (k || high < 10 || wide < 16) return;
        context.font = `bold ${Math.min(11, high)}px ${SANS}`;
        Object.assign(context, { fillStyle: colours.panel, textAlign: "left", textBaseline: "middle" });
        context.fillText(String(message), this.x(from / 1e6) + 3, y + high / 2 + 0.5);
      });
      for (const [t, good] of ends) this._end(context, t, good, y, high);
      y += each;
    }
  }

  /** A bar from one time to another, in microseconds. */
  _bar(context, from, to, y, high) {
    const x = this.x(from / 1e6);
    context.fillRect(x, y, Math.max(1, this.x(to / 1e6) - x), high);
  }

  /** A dot where mail was delivered, a cross where it failed, for now or for good. */
  _end(context, t, good, y, high) {
    const x = this.x(t / 1e6);
    if (good) {
      Object.assign(context, { fillStyle: this.colours.drop, strokeStyle: this.colours.ink, lineWidth: 1 });
      context.beginPath();
      context.arc(x, y + high / 2, Math.min(4.5, Math.max(2, high / 2)), 0, 7);
      context.fill();
      context.stroke();
    } else cross(context, x, y + high / 2, Math.min(4, high / 2), this.colours.refusal, 2);
  }

  /** For too many messages: how much crossed the wires, and how much lay in spools. */
  _totals(context, room) {
    const { run, colours } = this;
    const width = Math.max(1, Math.round(this.width));
    const crossing = new Uint32Array(width);
    const failed = new Uint8Array(width);
    for (let i = 0; i < run.count; i += 1) {
      const at = Math.min(width - 1, Math.max(0, Math.round(this.x(run.t[i]))));
      if (run.rowCrosses(i)) crossing[at] += 1;
      else if (run.fails(i)) failed[at] = 1;
    }
    const most = crossing.reduce((a, b) => Math.max(a, b), 1);
    const base = this.height - AXIS;
    context.fillStyle = colours.session;
    crossing.forEach((number, x) => {
      const high = (number / most) * room;
      context.fillRect(x, base - high, 1, high);
    });
    context.fillStyle = colours.refusal;
    failed.forEach((any, x) => { if (any) context.fillRect(x, base - 7, 1.5, 7); });
    this._waiting(context, base, room, width);
  }

  _waiting(context, base, room, width) {
    const { run, colours, player } = this;
    const levels = [];
    for (let x = EDGE; x <= width - EDGE; x += 2) {
      const t = player.scale.time(((x - EDGE) / (this.width - 2 * EDGE)) * player.scale.length);
      const n = run.eventsBy(t);
      levels.push(run.spooled(n));
    }
    const most = levels.reduce((a, b) => Math.max(a, b), 1);
    Object.assign(context, { strokeStyle: colours.ink, lineWidth: 1.6 });
    context.beginPath();
    levels.forEach((level, k) => context.lineTo(EDGE + 2 * k, base - (level / most) * room));
    context.stroke();
    this.most = most;
  }

  _axis(context) {
    const { colours, player } = this;
    const { steps } = this.run.data;
    const inner = this.width - 2 * EDGE;
    Object.assign(context, { fillStyle: colours.quiet, strokeStyle: colours.line, lineWidth: 1 });
    context.font = `10.5px ${SANS}`;
    Object.assign(context, { textBaseline: "bottom", textAlign: "center" });
    let free = 0;
    for (let x = EDGE; x < this.width - EDGE; x += 6) {
      if (x < free) continue;
      const at = (px) => player.scale.time(((px - EDGE) / inner) * player.scale.length);
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
