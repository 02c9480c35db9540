
// The page of a run that goes on (`lab watch`): it takes in what happens, keeps up with it or stays
// where the reader is, and asks for changes.

const FLYING = 300; // milliseconds for which what has just arrived is seen on its way
const MOST_FLYING = 200;
const SETTLE = 250; // milliseconds between two looks of the timeline and of the clock of playing
const LASTING = ["10 s", "60 s", "10 min", "2 h", ""];

class Live {
  constructor(player, about) {
    Object.assign(this, { player, run: player.run, about, following: true, over: false, flying: [], lag: 0, worst: 0, drawn: 0 });
    this.opened = Date.now() + 1000;
    this.looked = { count: 0, took: 100, at: 0 };
    player.live = this;
    this._row();
    this._send();
    this.source = new EventSource("events?of=workbench");
    this.source.onmessage = (event) => this.take(JSON.parse(event.data));
    this.source.addEventListener("over", () => this.source.close());
    this.source.onerror = () => { if (!this.over) put(this.state, "The lab does not answer."); };
    this.source.onopen = () => { if (!this.over) put(this.state, ""); };
    this.settle(); // what is new shows at once, what is derived from all of it soon after
  }

  // -- what comes ---------------------------------------------------------------------------------

  /** Take what has happened: pieces of events, and what is said about the run. */
  take({ pieces, now, due, told: reports }) {
    const { run, player } = this;
    const first = run.count;
    for (const piece of pieces) {
      if (piece.first !== run.count) throw new Error(`events are missing: ${run.count} to ${piece.first}`);
      grow(run, piece);
    }
    for (const item of reports) this._tell(item);
    run.last = Math.max(run.count ? run.t[run.count - 1] : 0, now);
    if (run.count > first) this._grown(first);
    if (this.following) Object.assign(player, { n: run.count, t: run.last });
    const wallClock = performance.now();
    if (run.count === first && wallClock - this.drawn < 100) return; // the time alone has gone on
    this.drawn = wallClock;
    player.redraw();
    if (this.following) requestAnimationFrame(() => this._measure(due * 1000));
  }

  /** How long ago what has just been drawn was due; what was before the page opened does not count. */
  _measure(due) {
    this.lag = Math.max(0, Date.now() - due);
    if (due >= this.opened && !this.over) this.worst = Math.max(this.worst, this.lag);
  }

  /** Whether the page moves on by itself. */
  get keepsUp() { return this.following && !this.over; }

  _grown(first) {
    const { run, player } = this;
    const since = performance.now();
    const moving = run.moving.slice(countTo(run.moving, first - 1)).filter((i) => run.t[i] > run.start[i]);
    this.flying.push(...moving.slice(-MOST_FLYING).map((i) => ({ i, since })));
    if (run.hosts.length > player.map.ground.base.length) player.map.newHosts();
    player.ladder.grown(first);
    for (const [text, events] of player.conditions) {
      const holds = parseCondition(run, text);
      for (let i = first; i < run.count; i += 1) if (holds(i)) events.push(i);
    }
  }

  /** What has just arrived, each with a time at which it was on its way; null where nobody keeps up. */
  inFlight() {
    if (!this.following) return null;
    const now = performance.now();
    this.flying = this.flying.filter(({ since }) => now - since < FLYING).slice(-MOST_FLYING);
    if (this.flying.length) this.player.redraw(true);
    const { start, t } = this.run;
    return this.flying.map(({ i, since }) => [i, start[i] + (t[i] - start[i]) * Math.max(0, now - since) / FLYING]);
  }

  _tell(item) {
    if ("change" in item) {
      this.changes.append(make("li", {}, item.change));
      this.file.hidden = false;
    } else if ("speed" in item) this._speed(item.speed);
    else if ("ended" in item) {
      Object.assign(this, { over: true, digest: item.digest });
      put(this.state, { settled: "Over: all mail is settled.", until: "Over: its time is up.",
        interrupted: "Over: it was stopped." }[item.ended] || `Over: ${item.ended}`);
      this.player.find(".live .send").hidden = this.player.find(".live .speed-of").hidden = true;
      delete this.player.find(".acts").dataset.key;
    }
  }

  // -- what follows from all of it --------------------------------------------------------------

  /** Every now and then: the clock of playing, and what only all of the run tells. */
  async settle() {
    const { run, player } = this;
    if (player.ended.signal.aborted) return;
    const began = performance.now();
    const due = run.count > 1 && began - this.looked.at > 4 * this.looked.took;
    try {
      if (run.count > this.looked.count && (due || this.over)) {
        const count = run.count;
        const hindsight = await (await fetch("hindsight")).json();
        lookBack(run, hindsight);
        this.looked = { count, took: performance.now() - began, at: performance.now() };
        this._lookedBack();
      }
    } catch {
      // the lab has gone: what is here stays
    }
    if (this.scaled !== run.last) this._rescale();
    else if (this.textsAt !== run.count) player.redraw(); // texts may have been left for later
    this.textsAt = run.count;
    put(this.behind, this.over ? "" : `${Math.round(this.lag)} ms behind`);
    if (this.over && this.looked.count === run.count && this.scaled === run.last) return;
    setTimeout(() => this.settle(), SETTLE);
  }

  _rescale() {
    const { run, player } = this;
    const { timeline, scale } = player;
    const times = timeline.window && timeline.window.map((place) => scale.time(place));
    player.scale = new Scale(run, player.skip);
    if (times) timeline.window = times.map((t) => player.scale.place(t));
    this.scaled = run.last;
    timeline.pack();
    timeline.key = null;
    player.redraw();
  }

  _lookedBack() {
    const { run, player } = this;
    const { map, ladder, panels } = player;
    player.takingPart = null;
    this.scaled = null;
    map.mostBytes = run.links.reduce((most, link) => Math.max(most, link.bytes), 1);
    map.key = null;
    const verdict = JSON.stringify(run.data.verdict);
    if (verdict !== this.verdict) verdictLine(player);
    this.verdict = verdict;
    player.find(".if-cut").hidden = !run.data.cuts.length;
    player.find(".if-load").hidden = !run.links.some((link) => link.bytes);
    if (ladder.scoped.startsWith("message:")) ladder.grown(0);
    const { messages, why, follow } = panels;
    messages.of(messages.text);
    messages.current = messages.rows.find((row) => run.recipients.message[row] === player.message) ?? messages.current;
    Object.assign(why, { key: null });
    Object.assign(follow, { key: null, pathKey: null });
  }

  // -- keeping up ----------------------------------------------------------------------------------

  /** Keep up with the run from now on, or stay where the reader is. */
  follow(keeps) {
    this.following = keeps;
    this.keeps.checked = keeps;
    if (!keeps) return;
    this.player.pause();
    this.player.seek(this.run.count, this.run.last);
  }

  /** The reader has gone to a moment: to the end, where the page keeps up again, or back. */
  moved(isEnd) {
    this.following = isEnd;
    this.keeps.checked = isEnd;
  }

  // -- what may be changed -----------------------------------------------------------------------

  _row() {
    const speeds = [0, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60, 300, 3600];
    this.keeps = make("input", { type: "checkbox", checked: true, onchange: () => this.follow(this.keeps.checked) });
    this.speeds = make("select", { onchange: () => this.ask("speed", { speed: Number(this.speeds.value) }) });
    this.speeds.append(...speeds.map((speed) => make("option", { value: speed }, speed ? `${speed} ×` : "paused")));
    [this.behind, this.state] = [make("span", { class: "quiet behind" }), make("strong", { role: "status", class: "state" })];
    this.changes = make("ol", { class: "changes" });
    this.file = make("a", { href: "file", hidden: true }, "the file that makes this run again");
    const row = make("div", { class: "live row", role: "group", "aria-label": "The run that goes on" },
      make("label", { class: "check" }, this.keeps, "follow"), make("label", { class: "speed-of" }, "run at ", this.speeds),
      this.behind, this.state, this.file, make("a", { href: "map" }, "the map alone"), make("details", { class: "send" }, make("summary", {}, "send a message"), this._form()),
      make("details", {}, make("summary", {}, "changes"), this.changes));
    this.player.find(".controls").before(row);
    this._speed(this.about.speed);
  }

  _speed(speed) {
    if (![...this.speeds.options].some((choice) => Number(choice.value) === speed)) this.speeds.append(make("option", { value: speed }, `${speed} ×`));
    this.speeds.value = speed;
    const near = [...this.player.speeds].reverse().find((choice) => choice <= speed);
    if (near) this.player.setSpeed(near); // what is played again goes as fast as it went
  }

  _form() {
    const users = make("datalist", { id: "users" }, ...this.about.users.map((value) => make("option", { value })));
    const field = (name, value, list) => make("label", {}, `${name} `, make("input", { name, value, list: list && "users", autocomplete: "off" }));
    const last = this.about.users[this.about.users.length - 1] || "";
    this.form = make("form", { class: "row" }, users, field("from", this.about.users[0] || "", true), field("to", last, true),
      field("subject", "A test"), make("button", { class: "small" }, "send"));
    return this.form;
  }

  _send() {
    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      const { from, to, subject } = Object.fromEntries(new FormData(this.form));
      this.ask("change", { do: "send", from, to, subject, text: "Sent from the page." });
    });
  }

  /** What can be done to the link or the host that is selected. */
  offers() {
    const { player, run } = this;
    const place = player.find(".acts");
    const [kind, number] = (player.select || "").split(":");
    const key = [player.host, player.select, this.over].join("/");
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.hidden = this.over;
    const names = run.data.conditions.names;
    const lasting = make("select", {}, ...LASTING.map((value) => make("option", { value, selected: value === "60 s" }, value || "good")));
    const button = (words, change) => make("button", { type: "button", class: "small",
      onclick: () => this.ask("change", { ...change(), for: lasting.value }) }, words);
    const parts = [];
    if (kind === "link") {
      const { a, b } = run.links[number];
      const link = [names[a], names[b]];
      const value = make("input", { value: "2 s", "aria-label": "latency of a slow link" });
      parts.push(button(`✂ cut ${run.hostName(a)}-${run.hostName(b)}`, () => ({ do: "cut", link })),
        button("slow it to", () => ({ do: "slow", link, value: value.value })), value);
    } else if (run.hosts[player.host] && run.hosts[player.host].kind !== "router") {
      parts.push(button(`✖ crash ${run.hostName(player.host)}`, () => ({ do: "crash", host: names[player.host] })));
    }
    place.replaceChildren(make("strong", {}, "Change it now:"), ...parts, make("label", {}, "for ", lasting),
      make("span", { class: "said quiet", role: "status" }, kind === "link" ? "" : "a click on a link offers to cut it"));
  }

  async ask(name, content) {
    const answer = await fetch(name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(content) });
    const text = await answer.text();
    put(this.player.find(".acts .said"), answer.ok ? JSON.parse(text).note || JSON.parse(text).change || "" : text.trim());
  }
}
