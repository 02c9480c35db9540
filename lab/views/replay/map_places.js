// Where hosts stand on the map: one by one; or, on a map of many, in clusters that open as it is zoomed.

const CELL = 36; // pixels: hosts of one cell of that size are a cluster
const MANY = 60; // hosts up to which each stands alone

/** The places of a run's hosts on a map of some size, and what is drawn for them at each zoom. */
class Places {
  constructor(run) {
    this.run = run;
    this.levels = new Map();
    // the busiest first: they have their names first, and name their cluster
    this.order = run.hosts.map((_, k) => k).sort((a, b) => run.hosts[b].load - run.hosts[a].load || a - b);
    this.rank = new Int32Array(run.hosts.length);
    this.order.forEach((host, place) => { this.rank[host] = place; });
  }

  /** Put the hosts into a window of that size, with room beside it and above and below. */
  fit(width, height, { side, size }) {
    const { hosts } = this.run;
    const [top, bottom] = [36, 40];
    const flat = hosts.every((host) => host.y === hosts[0].y);
    this.base = hosts.map((host) => [
      side + host.x * (width - 2 * side),
      flat ? height / 2 : top + (1 - host.y) * (height - top - bottom),
    ]);
    this.levels.clear();
    this.clustered = hosts.length > MANY && width * height < 3500 * hosts.length;
    if (!this.clustered && width > 0) this._part(width, height, size);
    if (this.clustered) this._ahead();
  }

  /** Find the clusters of zooms that are to come, one after the other, while nothing else is to do. */
  _ahead() {
    const idle = globalThis.requestIdleCallback || ((call) => setTimeout(call, 60));
    const { base } = this;
    const next = (level) => {
      if (base !== this.base || level > 17) return; // the window has another size now
      this.at(2 ** (level / 2));
      idle(() => next(level + 1));
    };
    idle(() => next(1));
  }

  /**
   * Move hosts aside until none hides another: lab/analysis/map_layout.py found their places for a
   * map of its own shape, and this canvas may be narrower or lower.
   */
  _part(width, height, size) {
    if (this.base.length > 300) return;
    const least = 2 * size + 4;
    for (let round = 0, moved = true; moved && round < 80; round += 1) {
      moved = false;
      this.base.forEach((a, k) => {
        for (const b of this.base.slice(k + 1)) {
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
      for (const place of this.base) {
        place[0] = Math.max(size + 18, Math.min(width - size - 18, place[0]));
        place[1] = Math.max(size + 10, Math.min(height - size - 16, place[1]));
      }
    }
  }

  /** What is drawn at a zoom: nodes of one host or more, the node of each host, and joined links. */
  at(zoom) {
    const level = this.clustered ? Math.round(Math.log2(zoom) * 2) : 0;
    if (!this.levels.has(level)) this.levels.set(level, this._level(CELL / 2 ** (level / 2)));
    return this.levels.get(level);
  }

  _level(cell) {
    const nodes = this.clustered ? this._clusters(cell)
      : this.base.map(([x, y], k) => ({ hosts: [k], x, y }));
    const of = new Int32Array(this.base.length);
    nodes.forEach((node, number) => { for (const host of node.hosts) of[host] = number; });
    // nodes that may be named, the busiest first
    const order = nodes.map((_, number) => number).sort((a, b) => this.rank[nodes[a].hosts[0]] - this.rank[nodes[b].hosts[0]]);
    const tree = d3.quadtree(nodes.map((_, number) => number), (number) => nodes[number].x, (number) => nodes[number].y);
    return { nodes, of, order, tree, edges: this._edges(of) };
  }

  /** Clusters of the hosts of a cell; those whose middles are too near to one another are joined. */
  _clusters(cell) {
    const cells = new Map();
    for (const host of this.order) {
      const [x, y] = this.base[host];
      const key = Math.floor(x / cell) * 0x4000000 + Math.floor(y / cell);
      const node = cells.get(key) || { hosts: [], x: 0, y: 0 };
      node.hosts.push(host);
      node.x += x;
      node.y += y;
      cells.set(key, node);
    }
    const nodes = [...cells.values()];
    for (const node of nodes) {
      node.x /= node.hosts.length;
      node.y /= node.hosts.length;
    }
    return this._joined(nodes.sort((a, b) => b.hosts.length - a.hosts.length), cell * 0.72);
  }

  _joined(nodes, least) {
    const tree = d3.quadtree([], (node) => node.x, (node) => node.y);
    for (const node of nodes) {
      const near = tree.find(node.x, node.y, least);
      if (!near) tree.add(node);
      else near.hosts.push(...node.hosts);
    }
    const kept = tree.data();
    for (const node of kept) {
      node.hosts.sort((a, b) => this.rank[a] - this.rank[b]);
      node.size = Math.min(CELL * 0.36, 6.5 + 1.6 * Math.log2(node.hosts.length));
    }
    return kept;
  }

  /** Links between nodes, all of a pair in one; the busiest first. Links within a node are not seen. */
  _edges(of) {
    const edges = new Map();
    this.run.links.forEach((link, k) => {
      const [a, b] = [of[link.a], of[link.b]];
      if (a === b && this.clustered) return;
      const key = this.clustered ? Math.min(a, b) * this.base.length + Math.max(a, b) : k;
      const edge = edges.get(key) || { a, b, links: [], bytes: 0, busy: 0 };
      edge.links.push(k);
      edge.bytes += link.bytes;
      edge.busy = Math.max(edge.busy, link.busy || 0);
      edges.set(key, edge);
    });
    return [...edges.values()].sort((a, b) => b.bytes - a.bytes);
  }
}

/** Whether two boxes overlap: left, top, right, bottom. */
const overlap = (a, b) => a[0] < b[2] && b[0] < a[2] && a[1] < b[3] && b[1] < a[3];

/**
 * The names of what stands on a map, each beside its own and over no other. A name for which there is
 * no room is left out until the map is zoomed; one that stands farther off has a line to its own.
 */
class Names {
  constructor(map) { this.map = map; this.taken = []; this.placed = new Map(); }

  /** Keep names off a box. */
  keepOff(box) { this.taken.push(box); }

  /** Put the name of node k at [x, y], which is `size` high and wide to each side; false: no room. */
  put(k, text, [x, y], size, badge) {
    const { fontSize, width: wide, height: high } = this.map;
    const [width, height] = [this.map.wordsWide(text) + 4, fontSize + 4];
    const near = size + 3;
    let best = null;
    for (const far of this.map.distances) {
      if (best !== null && best.cost < 1) break;
      const [beside, under] = [near + far + width / 2, near + far + height / 2];
      const spots = [
        [x, y + under], [x, y - under - badge], [x + beside, y + badge / 2], [x - beside, y + badge / 2],
        [x + beside - near * 0.4, y + near + far], [x - beside + near * 0.4, y + near + far],
        [x + beside - near * 0.4, y - near - far - badge * 2], [x - beside + near * 0.4, y - near - far - badge * 2],
      ];
      spots.forEach(([cx, cy], order) => {
        const box = [cx - width / 2, cy - height / 2, cx + width / 2, cy + height / 2];
        if (box[0] < 1 || box[1] < 1 || box[2] > wide - 1 || box[3] > high - 1) return;
        if (this.taken.some((takenBox) => overlap(box, takenBox))) return;
        if (this.map.covers(box, k)) return;
        const cost = this.map.crossed(box) + order * 0.1 + far * 0.06;
        if (best === null || cost < best.cost) best = { cost, box, text, x: cx, y: cy, far };
      });
    }
    if (best === null) return false;
    this.taken.push(best.box);
    this.placed.set(k, best);
    return true;
  }
}
