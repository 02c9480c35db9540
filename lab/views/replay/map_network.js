// The network on the map: hosts and links in their places, with names, faults and zooming; what a click hits.

const LINE_STYLES = [[], [7, 4], [2, 4], [7, 3, 2, 3], [12, 4]];
const MOST_EDGES = 900; // joined links that are drawn on a map of many hosts: the busiest in sight

/** Hosts and links; what moves between them is drawn over it, by MapView. */
class NetworkView extends Drawing {
  constructor(player, canvas) {
    super(player, canvas);
    this.between = new Map();
    this.run.links.forEach((link, k) => {
      for (const key of [`${link.a}-${link.b}`, `${link.b}-${link.a}`]) {
        if (!this.between.has(key)) this.between.set(key, k);
      }
    });
    this.ground = new Places(this.run);
    this.transform = d3.zoomIdentity;
    this.mostBytes = this.run.links.reduce((most, link) => Math.max(most, link.bytes), 1);
    canvas.addEventListener("click", (event) => this.click(event));
    canvas.addEventListener("pointermove", (event) => this._over(event));
    canvas.addEventListener("pointerleave", () => this.player.tip(null));
    canvas.addEventListener("keydown", (event) => this._key(event));
    this._zoomable();
  }

  // -- zooming ------------------------------------------------------------------------------------

  _zoomable() {
    const { page } = this.player.options;
    this.zoom = d3.zoom()
      // in a notebook, which scrolls itself, the wheel zooms what has the focus, or with Ctrl
      .filter((event) => (event.type === "wheel" ? page || event.ctrlKey || document.activeElement === this.canvas
        : !event.ctrlKey && !event.button))
      .on("zoom", (event) => {
        this.transform = event.transform;
        this.placeNodes();
        this.player.redraw(true);
      });
    d3.select(this.canvas).call(this.zoom);
  }

  /** Zoom by a factor; about the middle, or about a point. */
  zoomBy(factor, about) { this.zoom.scaleBy(d3.select(this.canvas), factor, about); }

  whole() { this.zoom.transform(d3.select(this.canvas), d3.zoomIdentity); }

  /** Zoom until some hosts fill the map; a host alone stands in its middle, out of every cluster. */
  focus(hosts) {
    const at = hosts.map((host) => this.ground.base[host]);
    const [xs, ys] = [0, 1].map((axis) => at.map((place) => place[axis]));
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    const fits = 0.7 * Math.min(this.width / Math.max(right - left, 1), this.height / Math.max(bottom - top, 1));
    let k = Math.max(1, Math.min(fits, this._most()));
    if (hosts.length === 1) {
      for (k = this.transform.k; k < this._most() && this._isHidden(hosts[0], k); k *= Math.SQRT2);
    }
    const middle = d3.zoomIdentity.translate(this.width / 2, this.height / 2).scale(k)
      .translate(-(left + right) / 2, -(top + bottom) / 2);
    this.zoom.transform(d3.select(this.canvas), middle);
  }

  _isHidden(host, zoom) {
    const { nodes, of } = this.ground.at(zoom);
    return nodes[of[host]].hosts.length > 1;
  }

  _most() { return this.ground.clustered ? 400 : 12; }

  _key(event) {
    const pan = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    const zoom = { "+": 1.5, "=": 1.5, "-": 1 / 1.5 }[event.key];
    if (event.ctrlKey || event.metaKey || event.altKey || (!pan && !zoom && event.key !== "0")) return;
    event.preventDefault();
    if (zoom) this.zoomBy(zoom);
    else if (pan) this.zoom.translateBy(d3.select(this.canvas), pan[0] / this.transform.k, pan[1] / this.transform.k);
    else this.whole();
  }

  // -- places -------------------------------------------------------------------------------------

  /** Take the size of the place, where there is one: beside the session there is none on a phone. */
  fit() { if (this.canvas.clientWidth) super.fit(); }

  arrange() {
    const count = this.run.hosts.length;
    const small = this.width < 560;
    let size = count <= 8 ? 11 : count <= 25 ? 8.5 : count <= 60 ? 6.5 : count <= 300 ? 4.5 : 3.6;
    if (small) size = Math.max(2.2, size * 0.8);
    this.tight = this.width * this.height < 5200 * count; // square pixels a host
    if (this.tight) size = Math.min(size, 4.4);
    this.own = size;
    const side = Math.min(count <= 12 ? 90 : 62, this.width * 0.14);
    this.ground.fit(this.width, this.height, { side, size });
    this.zoom.scaleExtent([1, this._most()]).translateExtent([[0, 0], [this.width, this.height]]);
    this.placeNodes();
  }

  /**
   * Find the places of everything at this zoom. It is done for each step of one: so the arrays of a level
   * are kept and written over, and `seen` lists the nodes that are to be drawn.
   */
  placeNodes() {
    const { k, x, y } = this.transform;
    this.key = null;
    this.size = Math.min(11, this.own * Math.sqrt(k));
    this.level = this.ground.at(k);
    const { nodes } = this.level;
    this.level.spots ||= nodes.map(() => [0, 0]);
    this.level.sizes ||= new Float64Array(nodes.length);
    const { spots, sizes } = this.level;
    const seen = [];
    for (let number = 0; number < nodes.length; number += 1) {
      const node = nodes[number];
      const spot = spots[number];
      spot[0] = node.x * k + x;
      spot[1] = node.y * k + y;
      sizes[number] = node.hosts.length === 1 ? this.size : node.size;
      if (this._inSight(spot)) seen.push(number);
    }
    Object.assign(this, { spots, sizes, seen });
    this._label();
  }

  /** Where a host, or its cluster, stands. */
  placeOf(host) { return this.spots[this.level.of[host]]; }

  _inSight(spot) {
    return spot[0] > -40 && spot[1] > -40 && spot[0] < this.width + 40 && spot[1] < this.height + 40;
  }

  /** Find places for hosts that have been added. */
  newHosts() {
    this.ground = new Places(this.run);
    if (this.width) this.arrange();
  }

  // -- names, where they cover least --------------------------------------------------------------

  _label() {
    const { hosts } = this.run;
    const { nodes, order } = this.level;
    this.fontSize = hosts.length <= 8 ? 13 : hosts.length <= 30 ? 11.5 : 10.5;
    if (this.width < 560) this.fontSize = Math.max(9.5, this.fontSize - 2);
    this.context.font = `${this.fontSize}px ${SANS}`;
    this.distances = hosts.length <= MANY ? [0, 7, 15, 26, 40] : [0];
    const names = new Names(this);
    this._reserve(names);
    const first = this.level.of[this.player.host];
    const asked = this.player.select ? this.player.hostsOf().map((host) => this.level.of[host]) : [];
    const most = this.width < 560 ? 16 : 26;
    let misses = 0;
    for (const node of new Set([first, ...asked, ...order])) {
      if (!this.spots[node] || !this._inSight(this.spots[node])) continue; // there is none on an empty map
      const text = shorten(this._nameOf(nodes[node]), most);
      const badge = this.size < 4 || hosts[nodes[node].hosts[0]].kind === "router" ? 0 : 7; // it lies above a host
      const frame = node === first ? 6 : 0; // about the host that is chosen
      if (!names.put(node, text, this.spots[node], this.sizes[node] + frame, badge)) misses += 1;
      if (misses > 80 || names.placed.size > 80) break;
    }
    this.labels = names.placed;
  }

  /** The width of a name in the present font, measured once. */
  wordsWide(text) {
    if (this.widthsOf !== this.fontSize) Object.assign(this, { widths: new Map(), widthsOf: this.fontSize });
    let width = this.widths.get(text);
    if (width === undefined) this.widths.set(text, width = this.context.measureText(text).width);
    return width;
  }

  /** A host's name; with many hosts without its domain, for the panel has it in full. */
  _nameOf(node) {
    const chosen = node.hosts.includes(this.player.host) ? this.player.host : node.hosts[0];
    const host = this.run.hosts[chosen];
    const name = this.run.hosts.length > 25 ? host.short : host.name;
    return node.hosts.length > 1 ? `${name} …` : name;
  }

  /** Keep names off the places of the badges at each host, and off the buttons that lie on a low map. */
  _reserve(names) {
    if (this.player.element.classList.contains("low")) names.keepOff([this.width - 38, this.height - 98, this.width, this.height]);
    if (this.size < 4) return;
    for (const number of this.seen) {
      if (this.run.hosts[this.level.nodes[number].hosts[0]].kind === "router") continue;
      const [x, y] = this.spots[number];
      const size = this.sizes[number];
      if (!this.tight) names.keepOff([x + size - 1, y - size - 8, x + size + 17, y - size + 8]);
      names.keepOff([x - size - 17, y - size - 8, x - size + 1, y - size + 8]);
    }
  }

  /** Whether a box covers a node other than that one, or is nearer to another. */
  covers(box, own) {
    const [x, y] = [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2];
    const gap = ([a, b], size) => Math.hypot(Math.max(box[0] - a, a - box[2], 0), Math.max(box[1] - b, b - box[3], 0)) - size;
    const mine = gap(this.spots[own], this.sizes[own]);
    const { k, x: dx, y: dy } = this.transform; // the tree has the places of the whole map
    const [far, cx, cy] = [((box[2] - box[0]) / 2 + 60) / k, (x - dx) / k, (y - dy) / k];
    let isNearer = false;
    this.level.tree.visit((quad, left, top, right, bottom) => {
      if (isNearer || left > cx + far || right < cx - far || top > cy + far || bottom < cy - far) return true;
      for (let leaf = quad.length ? null : quad; leaf; leaf = leaf.next) {
        const node = leaf.data;
        if (node !== own && gap(this.spots[node], this.sizes[node]) < Math.max(1.5, Math.min(mine * 0.9, 24))) isNearer = true;
      }
      return isNearer;
    });
    return isNearer;
  }

  /** How many links run through a box, on a map of few. */
  crossed([left, top, right, bottom]) {
    if (this.ground.clustered || this.level.edges.length > 200) return 0;
    let count = 0;
    for (const { a, b } of this.level.edges) {
      if (crosses(this.spots[a], this.spots[b], left, top, right, bottom)) count += 1;
    }
    return count;
  }

  // -- the network -------------------------------------------------------------------------------

  _network(context, faults) {
    const broken = this._broken(faults);
    context.save();
    if (this.player.message !== null) context.globalAlpha = 0.35; // its way is drawn over it
    this._edges(context, broken);
    context.restore();
    for (const number of this.seen) this._node(context, this.level.nodes[number], number);
    for (const fault of faults) this._fault(context, fault);
    this._names(context);
  }

  _names(context) {
    for (const [node, { box, far }] of this.labels) {
      if (far > 7) this._leader(context, node, box);
      this._name(context, node);
    }
  }

  /** The name of a node, if there is room for it. */
  _name(context, node) {
    if (!this.labels.has(node)) return;
    const { text, x, y } = this.labels.get(node);
    Object.assign(context, { textAlign: "center", textBaseline: "middle" });
    context.font = `${node === this.level.of[this.player.host] ? "bold " : ""}${this.fontSize}px ${SANS}`;
    const quiet = this.run.hosts[this.level.nodes[node].hosts[0]].kind === "router";
    haloed(context, text, x, y, quiet ? this.colours.quiet : this.colours.ink, this.colours.panel);
  }

  /** A line from a name to its host. */
  _leader(context, node, [left, top, right, bottom]) {
    const [x, y] = this.spots[node];
    Object.assign(context, { strokeStyle: this.colours.quiet, lineWidth: 1 });
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(Math.max(left, Math.min(x, right)), Math.max(top, Math.min(y, bottom)));
    context.stroke();
  }

  _edges(context, broken) {
    const { edges } = this.level;
    if (!this.ground.clustered) {
      for (const edge of edges) this._link(context, this.run.links[edge.links[0]], broken.has(edge.links[0]), edge.links[0]);
      return;
    }
    const seen = [];
    for (const edge of edges) {
      if (this._mayBeSeen(this.spots[edge.a], this.spots[edge.b]) && seen.push(edge) === MOST_EDGES) break;
    }
    const most = seen.length ? seen[0].bytes || 1 : 1;
    for (const [low, high, width] of [[0, 0.05, 0.5], [0.05, 0.2, 1.2], [0.2, 0.5, 2.4], [0.5, 2, 4]]) {
      context.beginPath();
      for (const { a, b, bytes } of seen) {
        if (bytes / most < low || bytes / most >= high) continue;
        context.moveTo(...this.spots[a]);
        context.lineTo(...this.spots[b]);
      }
      Object.assign(context, { strokeStyle: this.colours.line, lineWidth: width });
      context.stroke();
    }
    for (const { a, b, links } of seen) {
      if (!links.some((link) => broken.has(link))) continue;
      cross(context, (this.spots[a][0] + this.spots[b][0]) / 2, (this.spots[a][1] + this.spots[b][1]) / 2, 5, this.colours.refusal);
    }
  }

  _mayBeSeen(a, b) {
    return (a[0] > 0 || b[0] > 0) && (a[0] < this.width || b[0] < this.width)
      && (a[1] > 0 || b[1] > 0) && (a[1] < this.height || b[1] < this.height);
  }

  /** The numbers of the links through which nothing gets now. */
  _broken(faults) {
    const pairs = new Set();
    if (!faults.some((fault) => fault.down)) return pairs;
    for (const fault of faults) {
      for (const [a, b] of fault.down ? fault.places : []) pairs.add(`${a}-${b}`).add(`${b}-${a}`);
    }
    return new Set(this.run.links.map((link, k) => (pairs.has(`${link.a}-${link.b}`) ? k : -1)));
  }

  /** A link: its width is what it carried, its core the share of the run in which it was busy. */
  _link(context, link, broken, number) {
    const points = this._along(link, 1);
    const stroke = (colour, width, dashes = []) => {
      Object.assign(context, { strokeStyle: colour, lineWidth: width });
      context.setLineDash(dashes);
      context.beginPath();
      points.forEach(([x, y], step) => (step ? context.lineTo(x, y) : context.moveTo(x, y)));
      context.stroke();
    };
    const thick = this.run.links.length <= 80 ? 9 : 5;
    const width = 1 + thick * Math.sqrt(link.bytes / this.mostBytes) * (link.bytes ? 1 : 0);
    context.save();
    context.lineCap = "round";
    if (this.player.select === `link:${number}`) stroke(this.colours.select, width + 6);
    context.globalAlpha *= 0.3;
    if (width > 2 && !broken) stroke(this.colours.router, width);
    context.globalAlpha /= 0.3;
    if (link.busy > 0.005 && !broken) stroke(this.colours.queue, Math.max(0.8, width * link.busy));
    context.lineCap = "butt";
    stroke(broken ? this.colours.refusal : this.colours.line, this.run.links.length <= 80 ? 1.4 : 0.8,
      broken ? [2, 6] : LINE_STYLES[Math.max(link.environment, 0) % LINE_STYLES.length]);
    context.restore();
    if (broken) cross(context, ...points[8], 6, this.colours.refusal);
  }

  /** Seventeen points of a link, from a to b, or from b to a if `way` is -1. */
  _along(link, way) {
    const [a, b] = [this.placeOf(link.a), this.placeOf(link.b)];
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

  _node(context, node, number) {
    const [x, y] = this.spots[number];
    const size = this.sizes[number];
    const cluster = node.hosts.length > 1;
    const host = this.run.hosts[node.hosts[0]];
    if (number === this.level.of[this.player.host]) {
      Object.assign(context, { strokeStyle: this.colours.select, lineWidth: 3 });
      if (cluster) {
        context.beginPath();
        context.arc(x, y, size + 5, 0, 7);
      } else this._shape(context, host, x, y, size + 5);
      context.stroke();
    }
    if (cluster) {
      this._cluster(context, node.hosts.length, x, y, size);
      return;
    }
    this._shape(context, host, x, y, size);
    context.fillStyle = host.kind === "router" ? this.colours.router
      : host.kind === "relay" ? this.colours.relay : this.colours.panel;
    Object.assign(context, { strokeStyle: this.colours.ink, lineWidth: this.size > 5 ? 1.4 : 0.7 });
    context.fill();
    context.stroke();
  }

  /** A cluster, with its number of hosts. */
  _cluster(context, count, x, y, size) {
    const half = Math.ceil(size + 1.5);
    this._stamp(context, `cluster ${count}`, x, y, half, half, (own) => {
      own.beginPath();
      own.arc(0, 0, size, 0, 7);
      Object.assign(own, { fillStyle: this.colours.faint, strokeStyle: this.colours.ink, lineWidth: 1.4 });
      own.fill();
      own.stroke();
      own.font = `bold ${count > 999 ? 8 : 9}px ${SANS}`;
      Object.assign(own, { fillStyle: this.colours.ink, textAlign: "center", textBaseline: "middle" });
      own.fillText(String(count), 0, 0.5);
    });
  }

  /** Put something where it is needed that looks the same in each frame: it is drawn once and copied. */
  _stamp(context, key, x, y, wide, high, draw) {
    if (this.stampKey !== this.colours || this.stampScale !== this.scale || this.stamps.size > 3000) {
      Object.assign(this, { stamps: new Map(), stampKey: this.colours, stampScale: this.scale });
    }
    let stamp = this.stamps.get(key);
    if (!stamp) {
      stamp = document.createElement("canvas");
      [stamp.width, stamp.height] = [2 * wide * this.scale, 2 * high * this.scale];
      const own = stamp.getContext("2d");
      own.setTransform(this.scale, 0, 0, this.scale, wide * this.scale, high * this.scale);
      draw(own);
      this.stamps.set(key, stamp);
    }
    context.drawImage(stamp, x - wide, y - high, 2 * wide, 2 * high);
  }

  /** A cross over a host that is down; the name of another fault beside its host. */
  _fault(context, fault) {
    if (fault.host < 0) return;
    const [x, y] = this.placeOf(fault.host);
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

  // -- picking -----------------------------------------------------------------------------------

  /** The node at a point, with room for a finger; null where there is none. */
  hit(x, y) {
    const { k, x: dx, y: dy } = this.transform;
    const nearest = this.level.tree.find((x - dx) / k, (y - dy) / k, 40 / k);
    if (nearest !== undefined) {
      const far = Math.hypot(this.spots[nearest][0] - x, this.spots[nearest][1] - y);
      if (far < Math.max(this.sizes[nearest] + 8, 18)) return nearest;
    }
    for (const [node, { box }] of this.labels) {
      if (x >= box[0] && x <= box[2] && y >= box[1] && y <= box[3]) return node;
    }
    return null;
  }

  /** The link at a point; null where there is none. */
  hitLink(x, y) {
    let [best, least] = [null, 7];
    for (const { a, b, links } of this.level.edges.slice(0, 3000)) {
      const points = this.ground.clustered ? [this.spots[a], this.spots[b]] : this._along(this.run.links[links[0]], 1);
      for (let k = 1; k < points.length; k += 1) {
        const far = fromLine(points[k - 1], points[k], x, y);
        if (far < least) [best, least] = [links[0], far];
      }
    }
    return best;
  }

  click(event) {
    const [x, y] = this.point(event);
    const node = this.hit(x, y);
    if (node === null) {
      const link = this.hitLink(x, y);
      if (link !== null) this.player.selectThing(`link:${link}`);
      return;
    }
    const { hosts } = this.level.nodes[node];
    if (hosts.length > 1) this.focus(hosts);
    else this.player.choose(hosts[0]);
  }

  /** Say what is under the pointer. */
  _over(event) {
    if (event.buttons) return;
    const [x, y] = this.point(event);
    const node = this.hit(x, y);
    const link = node === null ? this.hitLink(x, y) : null;
    this.canvas.style.cursor = node === null && link === null ? "grab" : "pointer";
    this.player.tip(node !== null ? this._words(node) : link !== null ? this.player.linkWords(link) : null, event);
  }

  _words(node) {
    const { hosts } = this.level.nodes[node];
    if (hosts.length === 1) return `${this.run.hosts[hosts[0]].name}: ${this.run.hosts[hosts[0]].about}`;
    const names = hosts.slice(0, 5).map((host) => this.run.hosts[host].short).join(", ");
    return `${counted(hosts.length, "host")}: ${names}${hosts.length > 5 ? " …" : ""}. A click opens them.`;
  }
}

/** How far a point is from a line between two others. */
function fromLine([x0, y0], [x1, y1], x, y) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  const share = Math.max(0, Math.min(1, ((x - x0) * dx + (y - y0) * dy) / (dx * dx + dy * dy || 1)));
  return Math.hypot(x - x0 - share * dx, y - y0 - share * dy);
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
