// The table of messages: a row for each recipient, with a lane of its phases; sorted, grouped, asked.

const LINE = 24; // pixels of a row
const COLUMNS = [
  ["message", "no.", (run, row) => run.recipients.message[row]],
  ["from", "from", (run, row) => run.recipients.from[row]],
  ["to", "to", (run, row) => run.recipients.to[row]],
  ["outcome", "outcome", (run, row) => run.recipients.outcome[row]],
  ["took", "took", (run, row) => run.recipients.took[row]],
  ["worst", "mostly", (run, row) => run.worstOf(row)],
  ["at", "when", (run, row) => run.recipients.at[row]],
];
const GROUPS = {
  "": null,
  outcome: (run, row) => run.recipients.outcome[row],
  phase: (run, row) => run.worstOf(row) || "no time",
  route: (run, row) => {
    const hops = run.hopsOf(run.recipients.message[row]);
    if (!hops.length) return "stays at its host";
    return [hops[0].host, ...new Set(hops.map((hop) => hop.peer))].slice(0, 6).map((host) => run.hosts[host].short).join(" → ");
  },
};

class MessagesPanel {
  constructor(player, element) {
    Object.assign(this, { player, run: player.run, element, sort: "message", down: false, group: "", text: "" });
    this._controls();
    this._table();
    this.of(player.options.query || "");
  }

  _controls() {
    const list = make("datalist", { id: `ask-${Math.random().toString(36).slice(2)}` });
    this.ask = make("input", { type: "search", class: "ask", list: list.id, autocomplete: "off", spellcheck: "false",
      "aria-label": "Query, such as to:galois outcome:returned >30s via:HUB", placeholder: "to:galois outcome:returned >30s via:HUB" });
    this.ask.addEventListener("input", () => {
      list.replaceChildren(...completions(this.run, this.ask.value).map((value) => make("option", { value })));
      this.of(this.ask.value);
      this.player.moved();
    });
    const group = make("select", { "aria-label": "Group by", class: "group", onchange: () => {
      this.group = group.value;
      this.arrange();
    } }, ...Object.keys(GROUPS).map((name) => make("option", { value: name }, name ? `by ${name}` : "not grouped")));
    this.count = make("span", { class: "quiet", role: "status" });
    this.element.append(make("p", { class: "row ask-row" }, this.ask, list, group, this.count));
  }

  _table() {
    this.heads = COLUMNS.map(([name, words]) => make("th", { scope: "col", class: name },
      make("button", { type: "button", onclick: () => this.sortBy(name) }, words)));
    this.body = make("tbody");
    // lanes of many on one clock would all be dots
    this.fromStart = this.run.recipients.count > MOST_LANES;
    this.clockButton = make("button", { type: "button", onclick: () => {
      this.fromStart = !this.fromStart;
      this.arrange();
    } });
    const head = make("tr", {}, ...this.heads, make("th", { scope: "col", class: "lane" }, this.clockButton));
    this.table = make("table", { class: "messages" }, make("thead", {}, head), this.body);
    this.box = make("div", { class: "box", tabindex: "0", role: "region", "aria-label": "Messages: arrows up and down select" },
      this.over = make("div"), this.table, this.under = make("div"));
    this.box.addEventListener("scroll", () => this.show(), { passive: true });
    this.box.addEventListener("keydown", (event) => this._key(event));
    this.element.append(this.box);
  }

  sortBy(name) {
    this.down = this.sort === name ? !this.down : name === "took";
    this.sort = name;
    this.arrange();
  }

  /** Show what a query asks for. */
  of(text) {
    this.text = text;
    if (this.ask.value !== text) this.ask.value = text;
    const { tests, wrong } = parseQuery(this.run, text);
    this.wrong = wrong;
    this.rows = [];
    for (let row = 0; row < this.run.recipients.count; row += 1) if (tests.every((test) => test(row))) this.rows.push(row);
    this.arrange();
  }

  arrange() {
    const value = COLUMNS.find(([name]) => name === this.sort)[2];
    const group = GROUPS[this.group];
    const keys = new Map(this.rows.map((row) => [row, value(this.run, row)]));
    const of = group && new Map(this.rows.map((row) => [row, group(this.run, row)]));
    const compare = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
    const way = this.down ? -1 : 1;
    this.rows.sort((a, b) => (of ? compare(of.get(a), of.get(b)) : 0) || way * compare(keys.get(a), keys.get(b)) || a - b);
    this.lines = [];
    let before = null;
    for (const row of this.rows) {
      if (of && of.get(row) !== before) {
        before = of.get(row);
        this.lines.push({ group: before, count: 0 });
        this.groupLine = this.lines[this.lines.length - 1];
      }
      if (of) this.groupLine.count += 1;
      this.lines.push({ row });
    }
    this.heads.forEach((head, k) => {
      if (COLUMNS[k][0] === this.sort) head.setAttribute("aria-sort", this.down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    put(this.count, this.wrong.length ? `? ${this.wrong.join(" ")}`
      : `${this.rows.length.toLocaleString("en")} of ${counted(this.run.recipients.count, "recipient")}`);
    this.table.setAttribute("aria-rowcount", this.lines.length + 1);
    put(this.clockButton, this.fromStart ? "since hand-over" : "on one clock");
    this.longest = this.rows.reduce((most, row) => Math.max(most, this.run.recipients.took[row]), 1e-6);
    this.show(true);
  }

  _key(event) {
    const by = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    if (!by || event.target !== this.box) return;
    event.preventDefault();
    event.stopPropagation();
    const at = this.lines.findIndex((line) => line.row === this.current);
    let next = at < 0 ? 0 : Math.min(this.lines.length - 1, Math.max(0, at + by));
    while (this.lines[next] && this.lines[next].row === undefined) next += by > 0 ? 1 : -1;
    if (this.lines[next]) this.pick(this.lines[next].row);
  }

  pick(row) {
    this.current = row;
    this.player.selectThing(`message:${this.run.recipients.message[row]}`);
    this.reveal();
  }

  /** Scroll to the row that is selected. */
  reveal() {
    const line = this.lines.findIndex(({ row }) => row === this.current);
    if (line < 0) return;
    const [top, room] = [line * LINE, this.box.clientHeight - 2 * LINE];
    if (top < this.box.scrollTop) this.box.scrollTop = top;
    else if (top > this.box.scrollTop + room) this.box.scrollTop = top - room;
    this.show();
  }

  /** Draw the rows in sight. */
  show(force = false) {
    if (!this.player.timeline || this.element.hidden) return;
    const high = this.box.clientHeight || 240;
    const first = Math.max(0, Math.floor(this.box.scrollTop / LINE) - 2);
    const count = Math.min(this.lines.length - first, Math.ceil(high / LINE) + 4);
    const { player } = this;
    const key = [first, count, player.select, player.colours && player.colours.paper, player.timeline && player.timeline.window,
      this.box.clientWidth, !this.fromStart && player.scale && player.scale.length].join("/");
    if (!force && key === this.key) return;
    this.key = key;
    this.over.style.height = `${first * LINE}px`;
    this.under.style.height = `${Math.max(0, this.lines.length - first - count) * LINE}px`;
    const focus = this.body.contains(document.activeElement) ? document.activeElement.value : null;
    this.body.replaceChildren(...Array.from({ length: Math.max(0, count) }, (_, k) => this._line(this.lines[first + k], first + k)));
    if (focus !== null) this.body.querySelector(`button[value="${focus}"]`)?.focus();
    this._lanes();
  }

  _line(line, number) {
    if (line.row === undefined) {
      return make("tr", { class: "group", "aria-rowindex": number + 2 },
        make("th", { colspan: COLUMNS.length + 1, scope: "rowgroup" }, `${line.group} · ${counted(line.count, "recipient")}`));
    }
    const { row } = line;
    const { recipients } = this.run;
    const chosen = this.player.message === recipients.message[row];
    const dim = !chosen && !this.player.takesPart(row);
    const outcome = recipients.outcome[row];
    const cells = [
      make("button", { type: "button", class: "pick", value: row, onclick: () => this.pick(row),
        "aria-pressed": String(chosen) }, String(recipients.message[row])),
      recipients.from[row] || "<>", recipients.to[row], endWords(this.run, outcome),
      recipients.ended[row] ? duration(recipients.took[row], this.run.data.units) : `${duration(recipients.took[row], this.run.data.units)} …`,
      this.run.worstOf(row), clock(recipients.at[row], 1),
    ];
    const element = make("tr", { class: `${chosen ? "chosen" : ""} ${dim ? "dim" : ""} end-${outcome}`, "aria-rowindex": number + 2 },
      ...cells.map((cell, k) => make("td", { class: COLUMNS[k][0], title: typeof cell === "string" ? cell : null }, cell)),
      make("td", { class: "lane" }, make("canvas", { "aria-hidden": "true", "data-row": row })));
    element.addEventListener("click", (event) => {
      if (event.target.tagName !== "BUTTON") this.pick(row);
    });
    return element;
  }

  _lanes() {
    const { player } = this;
    if (!player.colours || !player.timeline) return;
    for (const canvas of this.body.querySelectorAll("canvas")) {
      const [width, height] = [canvas.clientWidth, LINE - 6];
      if (!width) return;
      canvas.width = width * 2;
      canvas.height = height * 2;
      const context = canvas.getContext("2d");
      context.scale(2, 2);
      const fills = player.fills(context);
      const row = Number(canvas.dataset.row);
      const share = this.fromStart ? (t) => (t - this.run.recipients.at[row]) / (this.longest * 1.08) : null;
      drawLane(context, player, row, width, 0, height, fills, share);
    }
  }
}

/** The lane of a recipient, its phases and its end, in a strip of that width; `share` places times, or the timeline. */
function drawLane(context, player, row, width, top, height, fills, share = null) {
  const { run, colours, timeline } = player;
  const x = (t) => (share ? share(t) : timeline.share(t)) * width;
  for (const phase of run.phasesOf(row)) {
    const [left, right] = [Math.max(-2, x(phase.from)), Math.min(width + 2, x(phase.to))];
    if (right < 0 || left > width) continue;
    const thin = run.data.looks.phases[phase.name].waits ? 0.22 : 0;
    context.fillStyle = fills[phase.name];
    context.fillRect(left, top + height * thin, Math.max(0.7, right - left), height * (1 - 2 * thin));
  }
  if (!share && run.endsLater(row)) return;
  const { recipients } = run;
  const end = x(recipients.at[row] + recipients.took[row]);
  if (end >= -4 && end <= width + 4) {
    drawSign(context, endLook(run, recipients.outcome[row]), colours, Math.min(Math.max(end, 5), width - 6), top + height / 2, Math.min(5, height / 2.2));
  }
}

/** Why the message that is selected is not there yet: its phases, each with its cause. */
class WhyPanel {
  constructor(player, element) { Object.assign(this, { player, run: player.run, element }); }

  show() {
    const { player, run } = this;
    const key = `${player.message}`;
    if (key === this.key) return;
    this.key = key;
    const rows = run.rowsOfMessage.get(player.message) || [];
    if (!rows.length) {
      this.element.replaceChildren(make("p", { class: "quiet" }, player.message === null
        ? "No message is selected. Choose one in the tab Messages: this panel then says where its time went, and why."
        : `Message ${player.message} is a notification: it has no lane of its own.`));
      return;
    }
    this.element.replaceChildren(...rows.map((row) => this._recipient(row)));
  }

  _recipient(row) {
    const { recipients, data } = this.run;
    const head = `message ${recipients.message[row]} to ${recipients.to[row]}: ${recipients.outcome[row]}`
      + `${recipients.ended[row] ? ` after ${duration(recipients.took[row], data.units)}` : ", not settled"}`;
    const list = make("ol", { class: "phases" });
    for (const phase of this.run.phasesOf(row)) {
      const icon = swatch((context, width, height) => {
        context.fillStyle = phaseFill(context, this.run, this.player.colours, phase.name);
        context.fillRect(0, 0, width, height);
      });
      const look = this.run.data.looks.phases[phase.name].words;
      const words = phase.why.startsWith(look) ? phase.why : `${look}: ${phase.why}`;
      list.append(make("li", {}, make("button", { type: "button", onclick: () => this.player.seekTime(phase.from) },
        make("span", { class: "time" }, clock(phase.from)), icon,
        make("span", { class: "length" }, duration(phase.to - phase.from, data.units)), make("span", {}, words))));
    }
    return make("section", {}, make("h2", {}, head), list);
  }
}
