// The map: over the network, what is open, what lies where, and what is on its way.

const MOST_LABELLED = [14, 7]; // things on the wire up to which each has a label, on a map of few hosts and of many

class MapView extends NetworkView {
  draw(n, t) {
    const faults = this.run.faultsAt(n);
    const { theme, host, select } = this.player;
    const key = [theme, host, select, faults.map((fault) => fault.enter)].join("/");
    this.beneath(key, (context) => this._network(context, faults));
    this._sessions(n);
    this._way(t);
    this._last(n);
    this._badges(n);
    this._flight(n, t);
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
      if (number === undefined || this.ground.clustered) points.push(this.placeOf(path[k - 1]), this.placeOf(path[k]));
      else {
        const link = this.run.links[number];
        points.push(...this._along(link, link.a === path[k - 1] ? 1 : -1));
      }
    }
    return points.length ? points : [this.placeOf(path[0])];
  }

  /** The point of a way at that share of the time it takes. */
  _on({ hosts, reached }, share) {
    const k = Math.min(Math.max(countTo(reached, share), 1), hosts.length - 1);
    const part = (share - reached[k - 1]) / (reached[k] - reached[k - 1] || 1);
    return onPolyline(this._route([hosts[k - 1], hosts[k]]), part);
  }

  /** The way of the message that is selected: hops that are over, and dotted what is to come. */
  _way(t) {
    const { context, colours } = this;
    const hops = this.run.hopsOf(this.player.message);
    context.save();
    Object.assign(context, { strokeStyle: colours.select, lineCap: "round", lineJoin: "round" });
    const marks = [];
    hops.forEach((hop, k) => {
      const points = this._route(this.run.routeOf(hop.host, hop.peer));
      const [done, begun] = [hop.ended !== null && hop.ended <= t, hop.queued <= t];
      context.lineWidth = done ? 5 : 3;
      context.globalAlpha = begun ? 0.85 : 0.6;
      context.setLineDash(done ? [] : begun ? [10, 6] : [1, 7]);
      context.beginPath();
      points.forEach(([x, y], step) => (step ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
      marks.push([onPolyline(points, 0.5), String(k + 1)]);
    });
    context.restore();
    marks.slice(0, 40).forEach(([[x, y], words]) => this._hopNumber(x, y, words));
  }

  _hopNumber(x, y, words) {
    const { context, colours } = this;
    Object.assign(context, { fillStyle: colours.panel, strokeStyle: colours.select, lineWidth: 2 });
    context.beginPath();
    context.arc(x, y, 8.5, 0, 7);
    context.fill();
    context.stroke();
    context.font = `bold 10.5px ${SANS}`;
    Object.assign(context, { fillStyle: colours.ink, textAlign: "center", textBaseline: "middle" });
    context.fillText(words, x, y + 0.5);
  }

  /** A ring about the host of the last event; a cross where something failed there. */
  _last(n) {
    const i = n - 1;
    if (i < 0 || this.run.host[i] < 0) return;
    const { context } = this;
    const [x, y] = this.placeOf(this.run.host[i]);
    Object.assign(context, { strokeStyle: this.colours.session, lineWidth: 2.5 });
    context.beginPath();
    context.arc(x, y, this.size * 1.45 + 7, 0, 7);
    context.stroke();
    this._name(context, this.level.of[this.run.host[i]]); // the ring goes behind it
    if (this.run.isCrossed(i)) {
      const there = this.run.peer[i] < 0 ? [x, y] : this.placeOf(this.run.peer[i]);
      cross(context, (x + there[0]) / 2, (y + there[1]) / 2, 8, this.colours.refusal, 3.5);
    }
  }

  /** How much lies in each spool (to the left of its host), and in its mail drops (right). */
  _badges(n) {
    this.badgeBoxes = [];
    const lying = this._lying(n);
    for (const number of this.seen) {
      const node = this.level.nodes[number];
      const size = this.sizes[number];
      if (size < 4 || this.run.hosts[node.hosts[0]].kind === "router") continue;
      lying[number] ||= this._lyingAt(n, node);
      const [waiting, delivered] = lying[number];
      const [x, y] = this.spots[number];
      if (waiting) this._badge(x - size - 3, y - size, waiting, "spool", -1);
      if (delivered) this._badge(x + size + 3, y - size, delivered, "drop", 1);
    }
  }

  /** What lies at the nodes that have been seen: it is counted once for all steps of a zoom at a moment. */
  _lying(n) {
    const { counted } = this;
    if (!counted || counted.n !== n || counted.level !== this.level) this.counted = { n, level: this.level, lying: [] };
    return this.counted.lying;
  }

  _lyingAt(n, { hosts }) {
    let [waiting, delivered] = [0, 0];
    for (const host of hosts) {
      waiting += this.run.spoolLength(n, host);
      if (!this.tight) delivered += countTo(this.run.drops[host], n - 1);
    }
    return [waiting, delivered];
  }

  _badge(x, y, number, colour, side) {
    const { context } = this;
    const size = this.size > 8 ? 11.5 : this.tight ? 8.5 : 10;
    const words = number > 999 ? `${Math.floor(number / 1000)}k` : String(number);
    const width = words.length * size * 0.68 + 8;
    const [wide, high] = [Math.ceil(width / 2 + 1), Math.ceil(size * 0.7 + 1)];
    const middle = side < 0 ? x + 4 - width / 2 : x - 4 + width / 2;
    this.badgeBoxes.push([middle - wide, y - high, middle + wide, y + high]);
    this._stamp(context, `${colour} ${words} ${size}`, middle, y, wide, high, (own) => {
      own.font = `bold ${size}px ${SANS}`;
      own.fillStyle = this.colours[colour];
      Object.assign(own, { strokeStyle: this.colours.panel, lineWidth: 1.5 });
      own.beginPath();
      // square corners for what waits, round ones for what has arrived
      own.roundRect(-width / 2, -size * 0.7, width, size * 1.4, side < 0 ? 1 : size * 0.7);
      own.fill();
      own.stroke();
      Object.assign(own, { fillStyle: "black", textAlign: "center", textBaseline: "middle" });
      own.fillText(words, 0, 0.5);
    });
  }

  _flight(n, t) {
    const { run } = this;
    const live = this.player.live?.inFlight();
    const flying = live ? live.map(([i]) => i) : run.flightAt(n, t);
    const at = new Map(live || []);
    this.mouths = new Map(); // how many things wait at the mouth of each line
    this.labelBoxes = []; // places of labels: later ones give way, so that each can be read
    for (const i of flying) {
      this._crossing(i, at.get(i) ?? t, flying.length <= MOST_LABELLED[run.hosts.length > 25 ? 1 : 0]);
    }
    for (const cut of cutsAt(run, n, t)) drawCut(this, cut, t);
  }

  /**
   * Where the thing of event i is, with the part of the way that its bytes take up, from its tail to its
   * head. What waits for a line stands at its mouth; what is sent has its tail there until the last byte.
   */
  _where(i, t) {
    const { run } = this;
    const way = run.wayOf(i);
    const pace = run.data.pace[i];
    if (!pace || pace.length !== 3 * (way.hosts.length - 1)) return { at: this._on(way, run.shareOf(i, t)) };
    const now = t - run.start[i];
    const last = way.hosts.length - 2;
    for (let k = 0; k <= last; k += 1) {
      const [begin, end] = [pace[3 * k + 1] / 1e6, pace[3 * k + 2] / 1e6];
      const arrives = k < last ? pace[3 * k + 3] / 1e6 : run.t[i] - run.start[i];
      if (now > arrives && k < last) continue;
      const points = this._route([way.hosts[k], way.hosts[k + 1]]);
      if (now < begin) return { at: this._mouth(points, `${way.hosts[k]}-${way.hosts[k + 1]}`) };
      const latency = Math.max(arrives - end, 1e-9);
      const head = Math.min(1, (now - begin) / latency);
      const tail = Math.min(head, Math.max(0, (now - end) / latency));
      return { at: onPolyline(points, (head + tail) / 2), part: head - tail > 0.02 ? [points, tail, head] : null };
    }
    return { at: this._on(way, 1) };
  }

  /** A place at the mouth of a line, behind those that wait there already. */
  _mouth(points, key) {
    const before = this.mouths.get(key) || 0;
    this.mouths.set(key, before + 1);
    const [x, y] = onPolyline(points, 0.1);
    return [x + 4 * Math.min(before, 6), y - 5 * Math.min(before, 6)];
  }

  /** The bytes between a tail and a head, along a line. */
  _stream([points, tail, head], colour, width) {
    const { context } = this;
    Object.assign(context, { strokeStyle: colour, lineWidth: width, lineCap: "butt" });
    context.beginPath();
    for (let step = 0; step <= 12; step += 1) {
      const [x, y] = onPolyline(points, tail + ((head - tail) * step) / 12);
      if (step) context.lineTo(x, y);
      else context.moveTo(x, y);
    }
    context.stroke();
  }

  /** What is on its way with event i at t; with a label or without. */
  _crossing(i, t, labelled) {
    const { context, run, colours } = this;
    const kind = run.name(i) === "piece" ? "reply" : run.name(i);
    const share = run.shareOf(i, t);
    const { at: [x, y], part } = this._where(i, t);
    const size = this.size > 5 ? 1 : 0.65;
    const colour = kind === "data" ? colours.mail : run.rowKind(i) === "error" ? colours.refusal : colours[kind] || colours.quiet;
    if (part) this._stream(part, colour, kind === "data" ? 6 * size : 3.5 * size);
    if (kind === "data") envelope(context, x, y, 20 * size, colours.mail, colours.ink);
    else {
      Object.assign(context, { fillStyle: colour, strokeStyle: colours.panel, lineWidth: 1.2 });
      context.beginPath();
      if (kind === "reply") context.rect(x - 5 * size, y - 5 * size, 10 * size, 10 * size);
      else context.arc(x, y, (kind === "open" ? 3.5 : 5.5) * size, 0, 7);
      context.fill();
      context.stroke();
    }
    if (!labelled) return;
    this._wordsAt(kind === "open" ? "opening" : kind === "data" ? `mail ${run.message[i]}` : run.tag(i), x, y, share);
  }

  /** Words above something that is on its way and has come to a share of it. */
  _wordsAt(words, x, y, share) {
    const { context, colours } = this;
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
    // rather not over a badge or a name, and never over another label
    const names = [...this.labels.values()].map(({ box }) => box);
    const open = lines.filter((line) => clear(this.labelBoxes, line));
    const readable = open.filter((line) => clear(this.badgeBoxes, line));
    const free = readable.find((line) => clear(names, line)) ?? readable[0] ?? open[0];
    if (free === undefined) return;
    this.labelBoxes.push([middle - half, free - high, middle + half, free]);
    haloed(context, words, middle, free, colours.ink, colours.panel);
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
