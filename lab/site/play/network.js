// The network as a drawing: hosts are dragged and added, links are drawn, and keys are set in a form.
// Each change is asked of Python as an edit of the text, which the drawing then follows.

const WIDE = 1000;
const HIGH = 520;
const PAD = 90;
const SVG = "http://www.w3.org/2000/svg";

const make = (name, attributes, ...inside) => {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...inside);
  return element;
};
const html = (name, properties, ...inside) => {
  const element = Object.assign(document.createElement(name), properties);
  element.append(...inside);
  return element;
};

export class Network {
  /** `edit(edit)` promises to make an edit of the text; `keys(table, number)` the keys of a form. */
  constructor(edit, keys) {
    Object.assign(this, { edit, keys, network: null, mode: "move", chosen: null, from: null });
    this.svg = document.getElementById("drawing");
    this.form = document.getElementById("form");
    this.hint = document.getElementById("hint");
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.addEventListener("click", () => this._mode(button.dataset.mode));
    }
    this.svg.addEventListener("pointerdown", (event) => this._down(event));
    this.svg.addEventListener("pointermove", (event) => this._moved(event));
    this.svg.addEventListener("pointerup", (event) => this._up(event));
    this.svg.addEventListener("keydown", (event) => this._key(event));
    this.form.addEventListener("submit", (event) => event.preventDefault());
    this._mode("move");
  }

  /** Draw a network as desk.py describes it; null: the text has problems, and the last one stays. */
  show(network) {
    this.svg.style.opacity = network ? 1 : 0.45;
    if (!network) { this.hint.textContent = "The text has problems; correct them to draw on."; return; }
    if (this.hint.textContent.startsWith("The text")) this._mode(this.mode);
    this.network = network;
    this._draw();
    this._fill();
  }

  _place({ x, y }) { return [PAD + x * (WIDE - 2 * PAD), PAD + (1 - y) * (HIGH - 2 * PAD)]; }

  _at(event) {
    const point = new DOMPoint(event.clientX, event.clientY).matrixTransform(this.svg.getScreenCTM().inverse());
    return [point.x, point.y];
  }

  /** A place of the drawing in the units of the file. */
  _inFile([x, y]) {
    const [u, v] = [(x - PAD) / (WIDE - 2 * PAD), 1 - (y - PAD) / (HIGH - 2 * PAD)];
    const { frame } = this.network;
    return frame ? [frame[0] + (u - 0.5) * frame[2], frame[1] + (v - 0.5) * frame[3]] : [u * 100, v * 50];
  }

  _mode(mode) {
    Object.assign(this, { mode, from: null });
    for (const button of document.querySelectorAll("[data-mode]")) {
      button.setAttribute("aria-pressed", button.dataset.mode === mode);
    }
    this.hint.textContent = { move: "Drag a host; click one, or a link, for its keys.",
      host: "Click where the host is to be.", link: "Click two hosts, one after the other." }[mode];
  }

  _draw() {
    const { hosts, links } = this.network;
    const busy = hosts.length > 60;
    this.svg.replaceChildren(
      ...links.map((link, n) => {
        const [[x1, y1], [x2, y2]] = [this._place(hosts[link.a]), this._place(hosts[link.b])];
        const chosen = this._isChosen("link", n) ? " chosen" : "";
        return make("g", { tabindex: 0, role: "button", "data-link": n, "aria-label": `Link ${hosts[link.a].name} – ${hosts[link.b].name}` },
          make("line", { x1, y1, x2, y2, class: `link${chosen}` }), make("line", { x1, y1, x2, y2, class: "wide" }));
      }),
      ...hosts.map((host, n) => {
        const [x, y] = this._place(host);
        const kind = `host ${host.kind}${this._isChosen("host", n) ? " chosen" : ""}`;
        const size = busy ? 9 : 19;
        const shape = host.kind === "router" ? make("rect", { x: x - size, y: y - size, width: 2 * size, height: 2 * size, class: kind })
          : make("circle", { cx: x, cy: y, r: size, class: kind });
        const words = { router: "Router", relay: "Relaying host", host: "Host" }[host.kind];
        return make("g", { tabindex: 0, role: "button", "data-host": n, "aria-label": `${words} ${host.name}` },
          shape, ...(busy ? [] : [make("text", { x, y: y + 44 }, host.name)]));
      }),
    );
  }

  _isChosen(table, n) { return this.chosen?.table === table && this.chosen.key === this._keyOf(table, n); }

  _keyOf(table, n) {
    const { hosts, links } = this.network;
    return table === "host" ? hosts[n]?.name : links[n] && [hosts[links[n].a].name, hosts[links[n].b].name].join(" – ");
  }

  _hit(event) {
    const group = event.target.closest("g");
    if (!group) return null;
    return group.dataset.host === undefined ? ["link", Number(group.dataset.link)] : ["host", Number(group.dataset.host)];
  }

  // -- the mouse ---------------------------------------------------------------------------------

  _down(event) {
    if (!this.network) return;
    const hit = this._hit(event);
    if (this.mode === "host" && !hit) { this._add(this._at(event)); return; }
    if (!hit) return;
    if (this.mode === "link" && hit[0] === "host") { this._join(hit[1]); return; }
    this.drag = { hit, from: this._at(event), to: null };
    this.svg.setPointerCapture(event.pointerId);
  }

  _moved(event) {
    if (!this.drag || this.drag.hit[0] !== "host") return;
    const at = this._at(event);
    if (!this.drag.to && Math.hypot(at[0] - this.drag.from[0], at[1] - this.drag.from[1]) < 6) return;
    this.drag.to = at;
    const host = this.network.hosts[this.drag.hit[1]];
    host.x = (at[0] - PAD) / (WIDE - 2 * PAD);
    host.y = 1 - (at[1] - PAD) / (HIGH - 2 * PAD);
    this._draw();
  }

  _up() {
    const { drag } = this;
    this.drag = null;
    if (!drag) return;
    if (drag.to) this._dropped(drag.hit[1]);
    else this._choose(...drag.hit);
  }

  _dropped(n) {
    const { hosts, frame } = this.network;
    const moved = frame ? [hosts[n]] : hosts;
    const places = moved.filter((host) => host.number >= 0)
      .map((host) => [host.number, ...this._inFile(this._place(host))]);
    this.edit({ do: "move", places });
  }

  async _add([x, y]) {
    const names = new Set(this.network.hosts.map(({ name }) => name.toLowerCase()));
    let number = names.size + 1;
    while (names.has(`host-${number}.arpa`)) number += 1;
    const name = `HOST-${number}.ARPA`;
    const values = { name };
    if (this.network.frame || !this.network.hosts.length) {
      const place = this._inFile([x, y]).map((each) => Math.round(each * 100) / 100);
      values.position = place;
    }
    this.chosen = { table: "host", key: name };
    await this.edit({ do: "add", table: "host", values });
    this._mode("move");
  }

  async _join(n) {
    const { hosts } = this.network;
    if (this.from === null) {
      this.from = n;
      this.hint.textContent = `From ${hosts[n].name}: click the other host.`;
      return;
    }
    if (this.from === n) return;
    const between = [hosts[this.from].name, hosts[n].name];
    this._mode("move");
    this.chosen = { table: "link", key: between.join(" – ") };
    await this.edit({ do: "add", table: "link", values: { between } });
  }

  _key(event) {
    const hit = this._hit(event);
    if (!hit) return;
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (this.mode === "link" && hit[0] === "host") this._join(hit[1]);
      else this._choose(...hit);
    }
    const way = { ArrowLeft: [-20, 0], ArrowRight: [20, 0], ArrowUp: [0, -20], ArrowDown: [0, 20] }[event.key];
    if (way && hit[0] === "host") {
      event.preventDefault();
      const host = this.network.hosts[hit[1]];
      host.x += way[0] / (WIDE - 2 * PAD);
      host.y -= way[1] / (HIGH - 2 * PAD);
      this._dropped(hit[1]);
    }
    if (event.key === "Delete") this._remove(...hit);
  }

  // -- the form ----------------------------------------------------------------------------------

  _choose(table, n) {
    this.chosen = { table, key: this._keyOf(table, n) };
    this._draw();
    this.svg.querySelector(`[data-${table}="${n}"]`)?.focus({ preventScroll: true });
    this._fill();
  }

  _remove(table, n) {
    const { number } = table === "host" ? this.network.hosts[n] : this.network.links[n];
    this.edit({ do: "remove", table, number });
  }

  async _fill() {
    const { chosen, network } = this;
    if (!chosen) { this.form.replaceChildren(); return; }
    const { table } = chosen;
    const all = table === "host" ? network.hosts : network.links;
    const n = all.findIndex((_, each) => this._keyOf(table, each) === chosen.key);
    if (n < 0) { this.form.replaceChildren(); return; }
    const { number } = all[n];
    const title = html("strong", { textContent: chosen.key });
    if (number < 0) {
      this.form.replaceChildren(title, html("p", { className: "quiet", textContent: "It comes from a graph or a generator; a table with its name in the text changes it." }));
      return;
    }
    const keys = await this.keys(table, number);
    if (this.chosen !== chosen || !keys) return;
    const focused = document.activeElement?.dataset?.key;
    const remove = html("button", { type: "button", textContent: `Remove this ${table}`, onclick: () => this._remove(table, n) });
    this.form.replaceChildren(html("div", { className: "bar" }, title, remove), ...keys.map((each) => this._row(table, number, each)));
    if (focused) this.form.querySelector(`[data-key="${focused}"]`)?.focus();
  }

  _row(table, number, { key, value, default: usual, words, help }) {
    const id = `key-${key}`;
    const input = html("input", { id, value, placeholder: usual });
    input.dataset.key = key;
    input.setAttribute("aria-describedby", `${id}-help`);
    if (words.length) {
      input.setAttribute("list", `${id}-words`);
      input.append(html("datalist", {}));
    }
    input.addEventListener("change", async () => {
      let wanted = input.value.trim();
      // a text may be typed without its quotes
      if (wanted && /^[A-Za-z]/.test(wanted) && !["true", "false"].includes(wanted)) wanted = JSON.stringify(wanted);
      if (/^\d+(?:\.\d+)? ?[a-zA-Z/]+$/.test(wanted)) wanted = JSON.stringify(wanted);
      const { chosen } = this;
      if (key === "name" && wanted) this.chosen = { table, key: wanted.replaceAll('"', "") };
      if (!await this.edit({ do: "set", table, number, key, value: wanted })) {
        this.chosen = chosen;
        input.value = value;
      }
    });
    const row = html("div", { className: "row" }, html("label", { htmlFor: id, textContent: key }), input,
      html("small", { id: `${id}-help`, textContent: help }));
    if (words.length) row.append(html("datalist", { id: `${id}-words` }, ...words.map((word) => html("option", { value: word }))));
    return row;
  }
}
