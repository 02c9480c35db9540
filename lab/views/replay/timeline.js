// Time that leaves out waiting, and the timeline over it.

const STEPS = [1e-6, 1e-5, 1e-4, 1e-3].flatMap((d) => [d, 2 * d, 5 * d]).concat([0.01, 0.02, 0.05,
  0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200,
  86400, 172800, 432000, 864000]);

/**
 * A mapping of times of the run to seconds of playing: one to one while something is on a wire;
 * where nothing is for long, each wait takes no more than a short while. All waits together take at
 * most as long as all that is not waiting.
 */
class Scale {
  constructor(run, skip) {
    this.times = [0];
    this.places = [0];
    const { gaps, busy } = idle(run);
    const pieces = gaps.length + 1;
    this.threshold = busy * Math.min(0.05, 1 / pieces);
    this.folds = skip ? gaps.filter(([from, to]) => to - from > this.threshold) : [];
    for (const [from, to] of this.folds) {
      this._reach(from, 1);
      this.times.push(to);
      this.places.push(this.places[this.places.length - 1] + this.threshold);
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

/** The spans in which nothing is on a wire and nothing happens, and how long the rest is in all. */
function idle(run) {
  const gaps = [];
  let earliest = run.last;
  for (let i = run.count - 1; i >= 0; i -= 1) {
    if (run.t[i] < earliest) gaps.push([run.t[i], earliest]);
    earliest = Math.min(earliest, run.start[i]);
  }
  if (earliest > 0) gaps.push([0, earliest]);
  gaps.reverse();
  const waiting = gaps.reduce((sum, [from, to]) => sum + to - from, 0);
  const busy = run.last - waiting;
  return { gaps, busy: busy > 1e-9 ? busy : Math.max(run.last, 1e-3) / 5 };
}

const HOP_COLOURS = ["command", "mail", "reply", "session"];
const AXIS = 18;
const EDGE = 12; // as far as a slider's thumb keeps from its ends

class TimelineView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this._bars();
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

  /** What each message did when: it lay in a spool, it crossed a session. */
  _bars() {
    const { run } = this;
    this.lanes = new Map();
    const lane = (message) => {
      if (!this.lanes.has(message)) this.lanes.set(message, { waits: [], hops: [], ends: [] });
      return this.lanes.get(message);
    };
    const crossings = new Map();
    for (let i = 0; i < run.count; i += 1) {
      const [kind, message, session] = [run.name(i), run.message[i], run.session[i]];
      if (message < 0) continue;
      if (["deliver", "terminal", "refuse", "reject", "abandon", "defer"].includes(kind)) lane(message).ends.push(i);
      if (session < 0 || !WIRE.has(kind)) continue;
      const key = `${session}/${message}`;
      const crossing = crossings.get(key);
      if (crossing) crossing[1] = run.t[i];
      else {
        crossings.set(key, [run.start[i], run.t[i]]);
        lane(message).hops.push(crossings.get(key));
      }
    }
    for (const entry of run.entries) {
      lane(entry.message).waits.push([run.t[entry.enter], entry.leave < run.count ? run.t[entry.leave] : run.last]);
    }
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
    const each = Math.min(15, room / Math.max(this.lanes.size, 1));
    this.most = 0;
    if (each >= 3) this._lanes(context, each);
    else this._heap(context, room);
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
      const words = duration(Number((to - from).toPrecision(2)));
      if (context.measureText(words).width > right - left - 4) continue;
      context.fillStyle = this.colours.quiet;
      context.fillText(words, (left + right) / 2, 1);
    }
  }

  _lanes(context, each) {
    const { run, colours } = this;
    let y = 14;
    for (const [number, { waits, hops, ends }] of this.lanes) {
      const high = Math.max(2, each - 2);
      context.fillStyle = colours.spool;
      context.globalAlpha = 0.5;
      for (const [from, to] of waits) this._bar(context, from, to, y + high * 0.35, high * 0.3);
      context.globalAlpha = 1;
      hops.forEach(([from, to], k) => {
        context.fillStyle = colours[HOP_COLOURS[k % HOP_COLOURS.length]];
        this._bar(context, from, to, y, high);
        const wide = this.x(to) - this.x(from);
        if (k || high < 10 || wide < 16) return;
        context.font = `bold ${Math.min(11, high)}px ${SANS}`;
        Object.assign(context, { fillStyle: colours.panel, textAlign: "left", textBaseline: "middle" });
        context.fillText(String(number), this.x(from) + 3, y + high / 2 + 0.5);
      });
      for (const i of ends) this._end(context, i, run.name(i), y, high);
      y += each;
    }
  }

  _bar(context, from, to, y, high) {
    const x = this.x(from);
    context.fillRect(x, y, Math.max(1, this.x(to) - x), high);
  }

  _end(context, i, kind, y, high) {
    const x = this.x(this.run.t[i]);
    if (kind === "deliver" || kind === "terminal") {
      Object.assign(context, { fillStyle: this.colours.drop, strokeStyle: this.colours.ink, lineWidth: 1 });
      context.beginPath();
      context.arc(x, y + high / 2, Math.min(4.5, Math.max(2, high / 2)), 0, 7);
      context.fill();
      context.stroke();
    } else cross(context, x, y + high / 2, Math.min(4, high / 2), this.colours.refusal, 2);
  }

  /** Too many messages for lanes: how much crossed the wires, and how much lay in spools. */
  _heap(context, room) {
    const { run, colours } = this;
    const width = Math.max(1, Math.round(this.width));
    const heap = new Uint32Array(width);
    const failed = new Uint8Array(width);
    for (let i = 0; i < run.count; i += 1) {
      const at = Math.min(width - 1, Math.max(0, Math.round(this.x(run.t[i]))));
      if (WIRE.has(run.name(i))) heap[at] += 1;
      else if (FAILURES.has(run.name(i)) && !(run.name(i) === "close" && run.get(i, "reason") === "quit")) failed[at] = 1;
    }
    const most = heap.reduce((a, b) => Math.max(a, b), 1);
    const base = this.height - AXIS;
    context.fillStyle = colours.session;
    heap.forEach((number, x) => {
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
      levels.push(run.hosts.reduce((sum, _, host) => sum + run.spoolLength(n, host), 0));
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
    const inner = this.width - 2 * EDGE;
    Object.assign(context, { fillStyle: colours.quiet, strokeStyle: colours.line, lineWidth: 1 });
    context.font = `10.5px ${SANS}`;
    Object.assign(context, { textBaseline: "bottom", textAlign: "center" });
    let free = 0;
    for (let x = EDGE; x < this.width - EDGE; x += 6) {
      if (x < free) continue;
      const at = (px) => player.scale.time(((px - EDGE) / inner) * player.scale.length);
      const step = STEPS.find((one) => one >= (at(x + 80) - at(x)) / 1.5) || STEPS[STEPS.length - 1];
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
