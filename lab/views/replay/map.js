// The map: hosts and links, what is open, and what is on its way between them.

const LINE_STYLES = [[], [7, 4], [2, 4], [7, 3, 2, 3], [12, 4]];
const MOST_LABELLED = [14, 7]; // things on the wire up to which each has a label, on a map of few hosts and of many

const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

class MapView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this.between = new Map();
    this.run.links.forEach((link, k) => {
      for (const key of [`${link.a}-${link.b}`, `${link.b}-${link.a}`]) {
        if (!this.between.has(key)) this.between.set(key, k);
      }
    });
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("pointermove", (event) => {
      canvas.style.cursor = this.hit(...this.point(event)) === null ? "" : "pointer";
    });
  }

  arrange() {
    const count = this.run.hosts.length;
    const small = this.width < 560;
    this.size = count <= 8 ? 11 : count <= 25 ? 8.5 : count <= 60 ? 6.5 : count <= 300 ? 4.5 : 2.6;
    if (small) this.size = Math.max(2.2, this.size * 0.8);
    this.tight = this.width * this.height < 3500 * count; // square pixels a host
    if (this.tight) this.size = Math.min(this.size, 4.4);
    const side = Math.min(count <= 12 ? 90 : 62, this.width * 0.14);
    const [top, bottom] = [36, 40];
    const flat = this.run.hosts.every((host) => host.y === this.run.hosts[0].y);
    this.places = this.run.hosts.map((host) => [
      side + host.x * (this.width - 2 * side),
      flat ? this.height / 2 : top + (1 - host.y) * (this.height - top - bottom),
    ]);
    this._part();
    this._label();
  }

  /**
   * Move hosts aside until none hides another: lab/analysis/map_layout.py found their places for a
   * map of its own shape, and this canvas may be narrower or lower.
   */
  _part() {
    if (this.places.length > 300) return;
    const least = 2 * this.size + 4;
    for (let round = 0, moved = true; moved && round < 80; round += 1) {
      moved = false;
      this.places.forEach((a, k) => {
        for (const b of this.places.slice(k + 1)) {
          const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
          const length = Math.hypot(dx, dy);
          if (length >= least) continue;
          const [ux, uy] = length > 1e-6 ? [dx / length, dy / length] : [1, 0];
          const push = (least - length) / 2 + 0.1;
          a[0] -= ux * push; a[1] -= uy * push;
          b[0] += ux * push; b[1] += uy * push;
          moved = true;
        }
      });
      for (const place of this.places) {
        place[0] = Math.max(this.size + 18, Math.min(this.width - this.size - 18, place[0]));
        place[1] = Math.max(this.size + 10, Math.min(this.height - this.size - 16, place[1]));
      }
    }
  }

  // -- names, where they cover least --------------------------------------------------------------

  _label() {
    const { hosts } = this.run;
    this.fontSize = hosts.length <= 8 ? 13 : hosts.length <= 30 ? 11.5 : 10.5;
    if (this.width < 560) this.fontSize = Math.max(9.5, this.fontSize - 2);
    // with many hosts without their domains; the panel has the names in full
    this.names = hosts.map((host) => (hosts.length > 25 ? host.short : host.name));
    this.labels = new Map();
    this.boxes = [];
    this._reserve();
    for (const k of this.run.data.labelled) this._name(k);
  }

  /** Keep names off the places of the badges at each host. */
  _reserve() {
    if (this.size < 4) return;
    this.run.hosts.forEach((host, k) => {
      if (host.kind === "router") return;
      const [x, y] = this.places[k];
      const { size } = this;
      if (!this.tight) this.boxes.push([x + size - 1, y - size - 8, x + size + 17, y - size + 8]);
      this.boxes.push([x - size - 17, y - size - 8, x - size + 1, y - size + 8]);
    });
  }

  _name(k) {
    const { context, fontSize } = this;
    context.font = `${fontSize}px ${SANS}`;
    const router = this.run.hosts[k].kind === "router";
    const most = this.width < 560 ? 16 : 26;
    const text = shorten(this.names[k], most);
    const [width, height] = [context.measureText(text).width + 4, fontSize + 4];
    const [x, y] = this.places[k];
    const near = this.size + 4;
    const badge = router || this.size < 4 ? 0 : 7; // the badges lie above a host
    let best = null;
    for (const far of [0, 7, 15]) {
      const [beside, under] = [near + far + width / 2, near + far + height / 2];
      const spots = [
        [x, y + under], [x, y - under - badge], [x + beside, y + badge / 2], [x - beside, y + badge / 2],
        [x + beside - near * 0.4, y + near + far], [x - beside + near * 0.4, y + near + far],
        [x + beside - near * 0.4, y - near - far - badge * 2], [x - beside + near * 0.4, y - near - far - badge * 2],
      ];
      spots.forEach(([cx, cy], order) => {
        const box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2];
        const cost = this._cost(box, k) + order * 0.2 + far * 0.5;
        if (best === null || cost < best.cost) best = { cost, box, text, x: cx, y: cy };
      });
    }
    // where there is little room, a name is left out rather than put over another
    if ((router || this.tight || this.run.data.labelled.length < this.run.hosts.length) && best.cost > 9) return;
    if ([...this.labels.values()].some(({ box }) => overlap(box, best.box))) return;
    this.boxes.push(best.box);
    this.labels.set(k, best);
  }

  _cost([left, top, right, bottom], k) {
    let cost = 0;
    for (const box of this.boxes) {
      const wide = Math.min(right, box[2]) - Math.max(left, box[0]);
      const high = Math.min(bottom, box[3]) - Math.max(top, box[1]);
      if (wide > 0 && high > 0) cost += 15 + (wide * high) / 20;
    }
    const reach = this.size + 1;
    this.places.forEach(([x, y], other) => {
      const apart = x < left - reach || x > right + reach || y < top - reach || y > bottom + reach;
      if (other !== k && !apart) cost += 10;
    });
    cost += 3 * Math.max(0, 2 - left, right - this.width + 2, 2 - top, bottom - this.height + 2);
    if (this.run.links.length > 600) return cost;
    for (const link of this.run.links) {
      if (crosses(this.places[link.a], this.places[link.b], left, top, right, bottom)) cost += 1;
    }
    return cost;
  }

  // -- drawing -----------------------------------------------------------------------------------

  draw(n, t) {
    const faults = this.run.faultsAt(n);
    const { theme, host } = this.player;
    const key = [theme, host, faults.map((fault) => fault.enter)].join("/");
    this.beneath(key, (context) => this._network(context, faults));
    this._sessions(n);
    this._last(n);
    this._badges(n);
    this._flight(n, t);
  }

  _network(context, faults) {
    const broken = this._broken(faults);
    this.run.links.forEach((link, k) => this._link(context, link, broken.has(k)));
    this.run.hosts.forEach((host, k) => this._host(context, host, k));
    for (const fault of faults) this._fault(context, fault);
    context.font = `${this.fontSize}px ${SANS}`;
    Object.assign(context, { textAlign: "center", textBaseline: "middle" });
    const chosen = this.player.host;
    const over = this.places[chosen];
    const labels = this.labels.has(chosen) ? this.labels : new Map([...this.labels,
      [chosen, { text: this.run.hosts[chosen].name, x: over[0], y: over[1] - this.size - 14 }]]);
    for (const [k, { text, x, y }] of labels) {
      context.font = `${k === this.player.host ? "bold " : ""}${this.fontSize}px ${SANS}`;
      const quiet = this.run.hosts[k].kind === "router";
      haloed(context, text, x, y, quiet ? this.colours.quiet : this.colours.ink, this.colours.panel);
    }
  }

  /** The numbers of the links through which nothing gets now. */
  _broken(faults) {
    const pairs = new Set();
    for (const fault of faults) {
      for (const [a, b] of fault.down ? fault.places : []) pairs.add(`${a}-${b}`).add(`${b}-${a}`);
    }
    return new Set(this.run.links.map((link, k) => (pairs.has(`${link.a}-${link.b}`) ? k : -1)));
  }

  _link(context, link, broken) {
    const many = this.run.links.length > 400;
    context.save();
    context.globalAlpha = many ? 0.4 : 1;
    context.lineWidth = this.run.links.length <= 80 ? 1.6 : many ? 0.5 : 1;
    context.strokeStyle = broken ? this.colours.refusal : this.colours.line;
    context.setLineDash(broken ? [2, 6] : LINE_STYLES[Math.max(link.environment, 0) % LINE_STYLES.length]);
    context.beginPath();
    this._along(link, 1).forEach(([x, y], step) => (step ? context.lineTo(x, y) : context.moveTo(x, y)));
    context.stroke();
    context.restore();
    if (broken) cross(context, ...this._along(link, 1)[8], 6, this.colours.refusal);
  }

  /** Seventeen points of a link, from a to b, or from b to a if `way` is -1. */
  _along(link, way) {
    const [a, b] = [this.places[link.a], this.places[link.b]];
    const [dx, dy] = [b[0] - a[0], b[1] - a[1]];
    const share = link.bend * 2; // to the left of the way; y grows downward here
    const pull = [(a[0] + b[0]) / 2 + dy * share, (a[1] + b[1]) / 2 - dx * share];
    const points = [];
    for (let step = 0; step <= 16; step += 1) {
      const s = step / 16;
      const at = (c) => (1 - s) ** 2 * a[c] + 2 * s * (1 - s) * pull[c] + s * s * b[c];
      points.push([at(0), at(1)]);
    }
    return way < 0 ? points.reverse() : points;
  }

  _shape(context, host, x, y, size) {
    context.beginPath();
    if (host.kind === "router") {
      const r = size * 0.8;
      context.moveTo(x, y - r);
      context.lineTo(x + r, y);
      context.lineTo(x, y + r);
      context.lineTo(x - r, y);
      context.closePath();
    } else if (host.kind === "relay") context.rect(x - size, y - size, 2 * size, 2 * size);
    else context.arc(x, y, size, 0, 7);
  }

  _host(context, host, k) {
    const [x, y] = this.places[k];
    if (k === this.player.host) {
      Object.assign(context, { strokeStyle: this.colours.select, lineWidth: 3 });
      this._shape(context, host, x, y, this.size + 5);
      context.stroke();
    }
    this._shape(context, host, x, y, this.size);
    context.fillStyle = host.kind === "router" ? this.colours.router
      : host.kind === "relay" ? this.colours.relay : this.colours.panel;
    Object.assign(context, { strokeStyle: this.colours.ink, lineWidth: this.size > 5 ? 1.6 : 0.7 });
    context.fill();
    context.stroke();
  }

  /** A cross over a host that is down; the name of another fault beside its host. */
  _fault(context, fault) {
    if (fault.host < 0) return;
    const [x, y] = this.places[fault.host];
    if (fault.down && fault.peer < 0) cross(context, x, y, this.size + 3, this.colours.refusal, 3);
    else if (!fault.down) {
      context.font = `bold ${this.fontSize - 1}px ${SANS}`;
      const text = `⚠ ${fault.name}`;
      const fits = x + this.size + 6 + context.measureText(text).width < this.width;
      Object.assign(context, { textAlign: fits ? "left" : "right", textBaseline: "middle" });
      haloed(context, text, x + (fits ? this.size + 4 : -this.size - 20), y - this.size - 7,
        this.colours.ink, this.colours.panel);
    }
  }

  _sessions(n) {
    const { context } = this;
    context.save();
    Object.assign(context, { strokeStyle: this.colours.session, lineCap: "round" });
    context.lineWidth = this.size > 8 ? 7 : this.size > 5 ? 5 : 3;
    context.globalAlpha = 0.45;
    for (const session of this.run.sessionsAt(n)) {
      const points = this._route(session.way.hosts);
      context.beginPath();
      points.forEach(([x, y], k) => (k ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
    }
    context.restore();
  }

  /** The points of a path over the map, along its links. */
  _route(path) {
    const points = [];
    for (let k = 1; k < path.length; k += 1) {
      const number = this.between.get(`${path[k - 1]}-${path[k]}`);
      if (number === undefined) points.push(this.places[path[k - 1]], this.places[path[k]]);
      else {
        const link = this.run.links[number];
        points.push(...this._along(link, link.a === path[k - 1] ? 1 : -1));
      }
    }
    return points.length ? points : [this.places[path[0]]];
  }

  /** The point of a way at that share of the time it takes. */
  _on({ hosts, reached }, share) {
    const k = Math.min(Math.max(countTo(reached, share), 1), hosts.length - 1);
    const part = (share - reached[k - 1]) / (reached[k] - reached[k - 1] || 1);
    return onPolyline(this._route([hosts[k - 1], hosts[k]]), part);
  }

  /** A ring about the host of the last event; a cross where something failed there. */
  _last(n) {
    const i = n - 1;
    if (i < 0 || this.run.host[i] < 0) return;
    const { context } = this;
    const [x, y] = this.places[this.run.host[i]];
    Object.assign(context, { strokeStyle: this.colours.session, lineWidth: 2.5 });
    context.beginPath();
    context.arc(x, y, this.size * 1.45 + 7, 0, 7);
    context.stroke();
    if (this.run.isCrossed(i)) {
      const other = this.run.peer[i] < 0 ? [x, y] : this.places[this.run.peer[i]];
      cross(context, (x + other[0]) / 2, (y + other[1]) / 2, 8, this.colours.refusal, 3.5);
    }
  }

  /** How much lies in each spool (to the left of its host), and in its mail drops (right). */
  _badges(n) {
    if (this.size < 4) return;
    this.run.hosts.forEach((host, k) => {
      if (host.kind === "router") return;
      const waiting = this.run.spoolLength(n, k);
      const delivered = countTo(this.run.drops[k], n - 1);
      const [x, y] = this.places[k];
      if (waiting) this._badge(x - this.size - 3, y - this.size, waiting, "spool", -1);
      if (delivered && !this.tight) this._badge(x + this.size + 3, y - this.size, delivered, "drop", 1);
    });
  }

  _badge(x, y, number, colour, side) {
    const { context } = this;
    const size = this.size > 8 ? 11.5 : this.tight ? 8.5 : 10;
    context.font = `bold ${size}px ${SANS}`;
    const words = number > 999 ? `${Math.floor(number / 1000)}k` : String(number);
    const width = context.measureText(words).width + 8;
    const left = side < 0 ? x - width + 4 : x - 4;
    context.fillStyle = this.colours[colour];
    Object.assign(context, { strokeStyle: this.colours.panel, lineWidth: 1.5 });
    context.beginPath();
    // square corners for what waits, round ones for what has arrived
    context.roundRect(left, y - size * 0.7, width, size * 1.4, side < 0 ? 1 : size * 0.7);
    context.fill();
    context.stroke();
    Object.assign(context, { fillStyle: "black", textAlign: "center", textBaseline: "middle" });
    context.fillText(words, left + width / 2, y + 0.5);
  }

  _flight(n, t) {
    const { run } = this;
    const flying = run.flightAt(n, t);
    this.labelBoxes = []; // places of labels: later ones give way, so that each can be read
    for (const i of flying) {
      this._thing(i, run.shareOf(i, t), flying.length <= MOST_LABELLED[run.hosts.length > 25 ? 1 : 0]);
    }
  }

  /** What is on its way with event i, a share of the way along; with a label or without. */
  _thing(i, share, labelled) {
    const { context, run, colours } = this;
    const kind = run.name(i) === "piece" ? "reply" : run.name(i);
    const [x, y] = this._on(run.wayOf(i), share);
    const size = this.size > 5 ? 1 : 0.65;
    if (kind === "data") envelope(context, x, y, 20 * size, colours.mail, colours.ink);
    else {
      const colour = run.rowKind(i) === "error" ? colours.refusal : colours[kind] || colours.quiet;
      Object.assign(context, { fillStyle: colour, strokeStyle: colours.panel, lineWidth: 1.2 });
      context.beginPath();
      if (kind === "reply") context.rect(x - 5 * size, y - 5 * size, 10 * size, 10 * size);
      else context.arc(x, y, (kind === "open" ? 3.5 : 5.5) * size, 0, 7);
      context.fill();
      context.stroke();
    }
    if (!labelled) return;
    const words = kind === "open" ? "opening" : kind === "data" ? `mail ${run.message[i]}` : run.tag(i);
    context.font = `bold ${Math.max(this.fontSize - 1, 10)}px ${MONO}`;
    Object.assign(context, { textAlign: "center", textBaseline: "alphabetic" });
    // a host has a badge above it: near a host the label stands above the badge
    const near = Math.max(0, 1 - Math.min(share, 1 - share) / 0.12);
    const base = y - 10 - near * (this.size + 8);
    const half = context.measureText(words).width / 2 + 2;
    const high = this.fontSize + 2;
    // a label nearer to an edge than half its width would be cut off
    const middle = Math.min(Math.max(x, half), this.width - half);
    const lines = [base, base - high, y + 10 + high, base - 2 * high, y + 18 + 2 * high]
      .filter((line) => line > high && line < this.height);
    const clear = (boxes, line) => boxes.every(([left, top, right, bottom]) =>
      middle + half < left || middle - half > right || line < top || line - high > bottom);
    // rather not over a name, and never over another label
    const names = [...this.labels.values()].map(({ box }) => box);
    const open = lines.filter((line) => clear(this.labelBoxes, line));
    const free = open.find((line) => clear(names, line)) ?? open[0];
    if (free === undefined) return;
    this.labelBoxes.push([middle - half, free - high, middle + half, free]);
    haloed(context, words, middle, free, colours.ink, colours.panel);
  }

  // -- picking -----------------------------------------------------------------------------------

  /** The host at a point, with room for a finger; null where there is none. */
  hit(x, y) {
    let best = null;
    let least = Math.max(this.size + 8, 18);
    this.places.forEach(([hx, hy], k) => {
      const far = Math.hypot(hx - x, hy - y);
      if (far < least) [best, least] = [k, far];
    });
    if (best !== null) return best;
    for (const [k, { box }] of this.labels) {
      if (x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]) return k;
    }
    return null;
  }

  click(event) {
    const host = this.hit(...this.point(event));
    if (host !== null) this.player.choose(host);
  }
}

/** The point of a polyline at that share of its length. */
function onPolyline(points, share) {
  const lengths = [0];
  for (let k = 1; k < points.length; k += 1) {
    const [a, b] = [points[k - 1], points[k]];
    lengths.push(lengths[k - 1] + Math.hypot(b[0] - a[0], b[1] - a[1]));
  }
  const far = share * lengths[lengths.length - 1];
  const k = Math.min(Math.max(countTo(lengths, far), 1), points.length - 1);
  if (k < 1) return points[0];
  const part = (far - lengths[k - 1]) / (lengths[k] - lengths[k - 1] || 1);
  const [a, b] = [points[k - 1], points[k]];
  return [a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part];
}

/** Whether a straight line meets a box. */
function crosses(a, b, left, top, right, bottom) {
  let [from, to] = [0, 1];
  for (const [at, low, high] of [[0, left, right], [1, top, bottom]]) {
    const along = b[at] - a[at];
    if (Math.abs(along) < 1e-9) {
      if (a[at] < low || a[at] > high) return false;
      continue;
    }
    const [first, last] = [(low - a[at]) / along, (high - a[at]) / along];
    from = Math.max(from, Math.min(first, last));
    to = Math.min(to, Math.max(first, last));
  }
  return from <= to;
}
