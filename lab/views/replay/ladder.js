// The ladder: hosts as lines, time downward, a row for each event, each command and reply on an arrow.
//
// Which events are rows, and what they say, stands in the data (lab/analysis/ladder_rows.py). Rows
// are evenly apart, so that a session of a second and a wait of a day can both be read; times stand
// to the left. The ladder grows; only before the first event, what is to come stands there, pale.

const ROW = 26;
const GUTTER = 84;
const FEW = 8; // hosts that the ladder of a whole run can hold and be read
class LadderView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this.up = 0; // rows scrolled back
    this.scoped = null;
    canvas.addEventListener("wheel", (event) => {
      event.preventDefault();
      this.scroll(-event.deltaY / ROW / (event.deltaMode ? 1 / ROW : 1));
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const rows = { ArrowUp: 1, ArrowDown: -1 }[event.key];
      if (!rows) return;
      event.preventDefault();
      this.scroll(rows);
    });
    this._drag(canvas);
  }

  _drag(canvas) {
    let from = null;
    let moved = 0;
    canvas.addEventListener("pointerdown", (event) => {
      from = event.clientY;
      moved = 0;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointerleave", () => this.player.tip(null));
    canvas.addEventListener("pointermove", (event) => {
      if (from === null) {
        this._over(event);
        return;
      }
      moved += Math.abs(event.clientY - from);
      this.scroll((event.clientY - from) / ROW);
      from = event.clientY;
    });
    canvas.addEventListener("pointerup", (event) => {
      if (from !== null && moved < 6) this.click(event);
      from = null;
    });
    canvas.addEventListener("pointercancel", () => { from = null; });
  }

  scroll(rows) {
    const most = Math.max(0, this.rowNow - 3);
    this.up = Math.min(Math.max(0, this.up + rows), most);
    this.player.redraw();
  }

  _rowAt(event) { return Math.round(this.top + (this.point(event)[1] - this.head) / ROW - 0.5); }

  click(event) {
    const row = this._rowAt(event);
    if (row >= 0 && row < this.rowsDone) this.player.seek(this.events[row] + 1);
  }

  /** Say the whole of the row under the pointer, or the whole name of the host at the top. */
  _over(event) {
    const [x, y] = this.point(event);
    if (y < this.head) {
      const host = this.columns.find((each) => Math.abs(this.x(each) - x) < this.wide / 2);
      this.player.tip(host === undefined ? null : this.run.hostName(host), event);
      return;
    }
    const row = this._rowAt(event);
    const i = row >= 0 && row < this.rowsDone ? this.events[row] : null;
    this.player.tip(i === null ? null : `${clock(this.run.t[i], 6)} · ${this.run.sentence(i)}`, event);
  }

  // -- what it is of -----------------------------------------------------------------------------

  /** Choose what the ladder is of: "all", "host:3", "message:1" or "session:2". */
  of(scope) {
    if (scope === this.scoped) return;
    this.scoped = scope;
    const { run } = this;
    this.events = run.rowsOf(scope);
    const columns = new Set();
    for (const i of this.events) {
      columns.add(run.host[i]);
      if (run.peer[i] >= 0) columns.add(run.peer[i]);
    }
    this._order(scope.split(":")[0], columns);
    this.up = 0;
    this.arrange();
  }

  /** Take in events from `first` on, if they are rows of it; from 0: look for all of them anew. */
  grown(first) {
    const { run, scoped } = this;
    const kind = scoped.split(":")[0];
    if (first === 0) this.events = run.rowsOf(scoped);
    else {
      const belongs = run.belongsTo(scoped);
      for (let i = first; i < run.count; i += 1) if (run.isRow(i) && belongs(i)) this.events.push(i);
    }
    const met = new Set(this.columns);
    for (const i of this.events.slice(countTo(this.events, first - 1))) {
      met.add(run.host[i]);
      if (run.peer[i] >= 0) met.add(run.peer[i]);
    }
    if (met.size === this.columns.length) return;
    this._order(kind, met);
    this.arrange();
  }

  _order(kind, columns) {
    const { hosts } = this.run;
    const met = [...columns];
    if (kind === "message" || kind === "session") this.columns = met; // as the mail came by them
    else this.columns = met.sort((a, b) => hosts[a].x - hosts[b].x || a - b);
    if (kind === "all" && hosts.length <= FEW) {
      this.columns = hosts.map((_, k) => k).filter((k) => hosts[k].kind !== "router")
        .sort((a, b) => hosts[a].x - hosts[b].x || a - b);
    }
    this.place = new Map(this.columns.map((host, k) => [host, k]));
  }

  arrange() {
    if (!this.columns) return;
    const wide = (this.width - GUTTER) / Math.max(this.columns.length, 1);
    this.wide = Math.min(wide, 260);
    this.upright = this.wide < 50;
    this.heads = this._names();
    const longest = this.heads.reduce((most, name) => Math.max(most, name.length), 0);
    this.head = this.upright ? 16 + 6.6 * Math.min(longest, 17) : 30;
  }

  /** The hosts' names; all without their domains where there is no room for one in full. */
  _names() {
    const full = this.columns.map((host) => this.run.hosts[host].name);
    this.context.font = `bold 12px ${SANS}`;
    const fits = full.every((name) => this.context.measureText(name).width < this.wide - 8);
    return fits || this.upright ? full : this.columns.map((host) => this.run.hosts[host].short);
  }

  x(host) {
    const spare = (this.width - GUTTER - this.wide * this.columns.length) / 2;
    return GUTTER + Math.max(0, spare) + (this.place.get(host) + 0.5) * this.wide;
  }

  /** The row of a time, with its fraction; past the last event's, that event's. */
  row(t) {
    const { run, events } = this;
    let [low, high] = [0, events.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (run.t[events[middle]] <= t) low = middle + 1;
      else high = middle;
    }
    return this._between(low, t);
  }

  _between(done, t) {
    const { run, events } = this;
    if (done === 0 || done >= events.length) return done - 1;
    const [before, after] = [run.t[events[done - 1]], run.t[events[done]]];
    const share = after > before ? (t - before) / (after - before) : 0;
    return done - 1 + Math.min(1, Math.max(0, share));
  }

  // -- drawing -----------------------------------------------------------------------------------

  draw(n, t) {
    const { context, colours } = this;
    context.setTransform(this.scale, 0, 0, this.scale, 0, 0);
    context.clearRect(0, 0, this.width, this.height);
    this.taken = []; // places where words stand already
    this.rowsDone = countTo(this.events, n - 1);
    this.rowNow = this._between(this.rowsDone, t);
    const room = (this.height - this.head) / ROW;
    this.top = Math.max(-0.2, this.rowNow - room + 2.2) - this.up;
    this.top = Math.max(-0.2, this.top);
    const first = Math.max(0, Math.floor(this.top) - 1);
    const last = Math.min(this.rowsDone, Math.ceil(this.top + room) + 1);
    context.save();
    context.beginPath();
    context.rect(0, this.head, this.width, this.height - this.head);
    context.clip();
    this._shade(first, last, n);
    this._lines();
    this._times(first, last);
    for (let row = first; row < last; row += 1) this._event(row);
    if (n === 0) this._toCome(Math.floor(room));
    for (const i of this.run.flightAt(n, t)) this._flying(i, t);
    for (const cut of this.run.data.cuts) this._cutOff(cut, n, t);
    this._now(colours);
    context.restore();
    this._heads();
    if (!this.columns.length) this._empty();
  }

  _toCome(room) {
    const { context } = this;
    const last = Math.min(this.events.length, room);
    context.save();
    context.globalAlpha = 0.45;
    this._times(0, last);
    for (let row = 0; row < last; row += 1) this._event(row);
    context.restore();
  }

  y(row) { return this.head + (row - this.top + 0.5) * ROW; }

  _empty() {
    const { context } = this;
    context.font = `13px ${SANS}`;
    Object.assign(context, { fillStyle: this.colours.quiet, textAlign: "center" });
    context.fillText("Nothing crosses a wire here.", this.width / 2, this.height / 2);
  }

  _lines() {
    const { context } = this;
    Object.assign(context, { strokeStyle: this.colours.line, lineWidth: this.wide < 30 ? 0.7 : 1.4 });
    context.beginPath();
    for (const host of this.columns) {
      context.moveTo(this.x(host), this.head);
      context.lineTo(this.x(host), this.height);
    }
    context.stroke();
  }

  /** A shade behind each session in sight, from its opening to its end. */
  _shade(first, last, n) {
    const { context, run } = this;
    const inSight = new Set();
    for (let row = first; row < last; row += 1) inSight.add(run.session[this.events[row]]);
    context.save();
    context.globalAlpha = 0.13;
    context.fillStyle = this.colours.session;
    for (const number of inSight) {
      const session = run.sessions.get(number);
      if (!session || !this.place.has(session.a) || !this.place.has(session.b)) continue;
      const xs = [this.x(session.a), this.x(session.b)].sort((a, b) => a - b);
      const from = this.y(countTo(this.events, session.open) - 1) - ROW / 2;
      const over = session.close < n ? this.y(this.row(run.t[session.close])) + ROW / 2
        : this.y(this.rowNow) + ROW / 2;
      context.fillRect(xs[0], from, xs[1] - xs[0], over - from);
    }
    context.restore();
  }

  _times(first, last) {
    const { context, run, colours } = this;
    context.font = `10.5px ${MONO}`;
    Object.assign(context, { fillStyle: colours.quiet, textAlign: "right", textBaseline: "middle" });
    let before = null;
    for (let row = first; row < last; row += 1) {
      const t = run.t[this.events[row]];
      if (before === null || t - before >= 1e-4) {
        context.fillText(clock(t).replace(/ s$/, ""), GUTTER - 8, this.y(row));
      }
      if (before !== null && this.player.scale.folded(before, t)) {
        this._gap(row, t - before);
        Object.assign(context, { fillStyle: colours.quiet, textAlign: "right" });
        context.font = `10.5px ${MONO}`;
      }
      before = t;
    }
  }

  _gap(row, lasting) {
    const { context, colours } = this;
    const y = Math.round(this.y(row) - ROW / 2) + 0.5;
    context.save();
    Object.assign(context, { strokeStyle: colours.quiet, lineWidth: 1 });
    context.setLineDash([2, 4]);
    const words = `${duration(lasting, this.run.data.units)} later`;
    context.font = `italic 11px ${SANS}`;
    context.beginPath();
    context.moveTo(GUTTER, y);
    context.lineTo(this.width - 14 - context.measureText(words).width, y);
    context.stroke();
    Object.assign(context, { textAlign: "right", fillStyle: colours.quiet });
    context.fillText(words, this.width - 8, y);
    context.restore();
  }

  _event(row) {
    const i = this.events[row];
    if (this.run.rowCrosses(i)) this._arrow(i, this.row(this.run.start[i]), row, 1);
    else this._mark(i, row);
  }

  _flying(i, t) {
    const { run } = this;
    if (!run.rowCrosses(i) || !this._mine(i)) return;
    this._arrow(i, this.row(run.start[i]), this.rowNow, run.shareOf(i, t));
  }

  /** Bytes that were cut off: as far as they came, with a cross at their tail and at their head. */
  _cutOff(cut, n, t) {
    if (cut.after > n || cut.left > t || !this._mine(cut.closed)) return;
    const { context, colours } = this;
    const [from, to] = [cut.hosts[0], cut.hosts[cut.hosts.length - 1]].map((host) => this.x(host));
    const [tail, head] = cutStretch(cut, Math.min(t, cut.at)).map((share) => from + (to - from) * share);
    const stopped = cut.closed < n;
    const [y0, y1] = [this.y(this.row(cut.left)), this.y(stopped ? countTo(this.events, cut.closed) - 1.5 : this.rowNow)];
    const colour = cut.kind === "data" ? colours.mail : colours[cut.kind];
    context.save();
    Object.assign(context, { strokeStyle: colour, lineWidth: cut.kind === "data" ? 4 : 1.8 });
    context.setLineDash(stopped ? [5, 3] : []);
    context.beginPath();
    context.moveTo(from, y0);
    context.lineTo(head, y1);
    context.stroke();
    context.restore();
    if (stopped) for (const x of [tail, head]) cross(context, x, y1, 5, colours.refusal);
  }

  _mine(i) {
    const at = countTo(this.events, i);
    return at > 0 && this.events[at - 1] === i;
  }

  /** An arrow from the row where it was sent down to another, so much of the way across. */
  _arrow(i, from, to, share) {
    const { context, run, colours } = this;
    const [x0, x1] = [this.x(run.peer[i]), this.x(run.host[i])];
    const [y0, y1] = [this.y(from), this.y(to)];
    const x = x0 + (x1 - x0) * share;
    const kind = run.name(i) === "piece" ? "reply" : run.name(i);
    const colour = kind === "data" ? colours.mail : run.rowKind(i) === "error" ? colours.refusal : colours[kind];
    Object.assign(context, { strokeStyle: colour, fillStyle: colour });
    context.lineWidth = kind === "data" ? 4 : 1.8;
    context.setLineDash(kind === "reply" ? [6, 3] : []);
    context.beginPath();
    context.moveTo(x0, y0);
    context.lineTo(x, y1);
    context.stroke();
    context.setLineDash([]);
    this._point(x, y1, Math.atan2(y1 - y0, x - x0), kind === "data" ? 9 : 7);
    if (share > 0.6) this._words(i, x0, y0, x, y1);
  }

  _point(x, y, angle, size) {
    const { context } = this;
    context.beginPath();
    context.moveTo(x, y);
    for (const side of [-1, 1]) {
      context.lineTo(x - size * Math.cos(angle + side * 0.42), y - size * Math.sin(angle + side * 0.42));
    }
    context.closePath();
    context.fill();
  }

  /** What crosses, written along the arrow as far as there is room. */
  _words(i, x0, y0, x1, y1) {
    const { context, run, colours } = this;
    const size = 11;
    const steep = Math.abs(y1 - y0) > Math.abs(x1 - x0);
    const room = Math.floor((Math.hypot(x1 - x0, y1 - y0) * 0.86 - 14) / (size * 0.602));
    const [whole, short] = [run.rowText(i), run.tag(i)];
    if (steep) return this._beside(short, x0, x1, y1);
    const text = room >= Math.min(whole.length, 12) ? shorten(whole, room) : short;
    if (room < text.length - 1) return undefined;
    const wide = size * 0.602;
    const slope = Math.atan2(y1 - y0, x1 - x0);
    // in the middle and whole; or short, there or nearer to an end; or not at all
    const places = [[text, 0.5], [short, 0.5], [short, 0.76], [short, 0.26]];
    const placed = places.find(([words, share]) => this._clear(
      x0 + (x1 - x0) * share, y0 + (y1 - y0) * share, slope, words.length * wide));
    if (!placed) return undefined;
    const [words, share] = placed;
    context.save();
    context.translate(x0 + (x1 - x0) * share, y0 + (y1 - y0) * share);
    let angle = slope;
    if (Math.abs(angle) > Math.PI / 2) angle += Math.PI;
    context.rotate(angle);
    context.font = `${size}px ${MONO}`;
    Object.assign(context, { textAlign: "center", textBaseline: "alphabetic" });
    haloed(context, words, 0, run.name(i) === "data" ? -5 : -3.5, colours.ink, colours.panel);
    return context.restore();
  }

  /** Whether words of that width, along a slope, meet no others; if so, their place is taken. */
  _clear(x, y, slope, width) {
    const points = [];
    for (let at = -width / 2; at <= width / 2; at += 8) {
      points.push([x + at * Math.cos(slope), y + at * Math.sin(slope) - 7]);
    }
    const meets = points.some(([a, b]) => this.taken.some(([c, d]) => Math.abs(a - c) < 9 && Math.abs(b - d) < 11));
    if (!meets) this.taken.push(...points);
    return !meets;
  }

  /** A short word beside the point of an arrow that is too steep to carry it. */
  _beside(text, x0, x1, y1) {
    const { context, colours } = this;
    const side = x1 > x0 ? -1 : 1;
    context.font = `11px ${MONO}`;
    Object.assign(context, { textAlign: side < 0 ? "right" : "left", textBaseline: "middle" });
    haloed(context, text, x1 + side * 10, y1 - 6, colours.ink, colours.panel);
  }

  /** Something that happened at a host: a sign on its line, and words. */
  _mark(i, row) {
    const { context, run, colours } = this;
    const [x, y] = [this.x(run.host[i]), this.y(row)];
    if (run.fails(i)) cross(context, x, y, 5, colours.refusal);
    else {
      const good = run.rowKind(i) === "deliver";
      Object.assign(context, { fillStyle: good ? colours.drop : colours.panel, strokeStyle: colours.ink });
      context.lineWidth = 1.3;
      context.beginPath();
      context.arc(x, y, good ? 5.5 : 4, 0, 7);
      context.fill();
      context.stroke();
    }
    if (this.wide < 60) return;
    const words = run.rowText(i);
    context.font = `italic 11px ${SANS}`;
    const width = context.measureText(words).width;
    const left = x + 9 + width > this.width - 4;
    Object.assign(context, { textAlign: left ? "right" : "left", textBaseline: "middle" });
    haloed(context, words, left ? x - 9 : x + 9, y, colours.ink, colours.panel);
    for (let at = 0; at <= width; at += 8) this.taken.push([left ? x - 9 - at : x + 9 + at, y]);
  }

  _now(colours) {
    const { context } = this;
    const y = this.y(Math.max(this.rowNow, -1)) + ROW * 0.5;
    if (y > this.height) return;
    Object.assign(context, { strokeStyle: colours.select, lineWidth: 1.5 });
    context.beginPath();
    context.moveTo(4, y);
    context.lineTo(this.width - 4, y);
    context.stroke();
  }

  _heads() {
    const { context, colours } = this;
    const size = this.upright ? Math.min(11, Math.max(6, this.wide - 2)) : 12;
    context.textBaseline = "middle";
    this.columns.forEach((host, k) => {
      context.font = `${host === this.player.host ? "bold " : ""}${size}px ${SANS}`;
      context.fillStyle = colours.ink;
      const x = this.x(host);
      context.save();
      if (this.upright) {
        context.translate(x, this.head - 6);
        context.rotate(-Math.PI / 2);
        context.textAlign = "left";
        context.fillText(shorten(this.heads[k], 17), 0, 0);
      } else {
        context.textAlign = "center";
        const fits = context.measureText(this.heads[k]).width < this.wide - 6;
        const text = fits ? this.heads[k] : shorten(this.heads[k], Math.floor((this.wide - 10) / 7.9));
        const half = context.measureText(text).width / 2 + 3;
        context.fillText(text, Math.max(half, Math.min(x, this.width - half)), this.head / 2);
      }
      context.restore();
    });
    Object.assign(context, { strokeStyle: colours.line, lineWidth: 1 });
    context.beginPath();
    context.moveTo(0, this.head - 0.5);
    context.lineTo(this.width, this.head - 0.5);
    context.stroke();
  }
}
