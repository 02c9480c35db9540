// The player: one run on one clock, and the views that follow it. In a page, mount(element, data,
// { page: true }); in a notebook, the default export is a widget of anywidget whose model holds
// `data` and may hold `position` (events that have happened), `breaks` and `theme`.

const THEMES = ["auto", "light", "dark"];
const NARROW = 820; // CSS pixels; below, the ladder is a tab like the others
const WIDE = 1180; // from here on the session has a column of its own

class Player {
  constructor(element, run, options) {
    Object.assign(this, { element, run, options, n: 0, t: 0, playing: false, skip: true });
    this.theme = options.theme || "auto";
    this.breaks = options.breaks || [];
    this.conditions = new Map(); // breakpoints that were typed here, and the events at which they stop
    this.listeners = new Set();
    this.timing = { frames: 0, total: 0, longest: 0 };
    this.ended = new AbortController();
    element.classList.add("lab-replay");
    element.innerHTML = SKELETON; // no data of the run: that is put in as text
    // the keys of a notebook must not act on what has the focus here
    for (const control of [element, ...element.querySelectorAll("button, select, input, canvas, [tabindex]")]) {
      control.dataset.lmSuppressShortcuts = "true";
    }
    this.find = (selector) => element.querySelector(selector);
    this.select = null; // what is selected: "message:3", "host:1", "link:0", "session:2", or nothing
    this.scale = new Scale(run, true);
    this.host = run.data.labelled.find((host) => run.hosts[host].kind !== "router") ?? run.data.labelled[0] ?? 0;
    this._speeds();
    this.map = new MapView(this, this.find(".map canvas"));
    this.ladder = new LadderView(this, this.find(".ladder canvas"));
    this.timeline = new TimelineView(this, this.find(".timeline"));
    this.panels = {
      host: new HostPanel(this, this.find("[data-panel=host]")),
      events: new EventsPanel(this, this.find("[data-panel=events]")),
      states: new StatesPanel(this, this.find("[data-panel=states]")),
      messages: new MessagesPanel(this, this.find("[data-panel=messages]")),
      why: new WhyPanel(this, this.find("[data-panel=why]")),
      follow: new FollowPanel(this, this.find(".follow")),
    };
    this._fill();
    this._listen();
    this._scopes();
    this._theme();
    this.tab("messages");
    this._fit();
  }

  // -- moving ------------------------------------------------------------------------------------

  /** Go to event n (that many have happened), at its time or at t. */
  seek(n, t = null) {
    this.n = Math.min(Math.max(0, n), this.run.count);
    this.t = t === null ? (this.n ? this.run.t[this.n - 1] : 0) : t;
    this.ladder.up = 0;
    this.redraw();
    this._moved();
  }

  /** Go to a time, in seconds of the run: everything until then has happened. */
  seekTime(t) {
    const within = Math.min(Math.max(0, t), this.run.last);
    this.seek(this.run.eventsBy(within), within);
  }

  seekPlace(place) { this.seekTime(this.scale.time(place)); }

  step() { this.pause(); this.seek(this.n + 1); }

  back() { this.pause(); this.seek(this.n - 1); }

  /** To the next event of those that the ladder shows, or to the one before. */
  stepInLadder(way) {
    const { events } = this.ladder;
    const done = countTo(events, this.n - 1);
    const at = way > 0 ? events[done] : events[done - 2];
    if (at === undefined) return;
    this.pause();
    this.seek(at + 1);
  }

  play() {
    if (this.playing) return;
    if (this.n >= this.run.count) this.seek(0);
    this.playing = true;
    this.before = null;
    this.ladder.up = 0;
    this._playing();
    this.redraw();
  }

  pause() {
    if (!this.playing) return;
    this.playing = false;
    this._playing();
    this.redraw();
    this._moved();
  }

  _advance(now) {
    const passed = this.before === null ? 0 : Math.min(now - this.before, 250) / 1000;
    this.before = now;
    const place = this.scale.place(this.t) + passed * this.speed;
    const t = Math.min(this.scale.time(place), this.run.last);
    let n = Math.max(this.n, this.run.eventsBy(t));
    const stop = this._stop(n);
    if (stop !== undefined) n = stop + 1;
    this.t = stop === undefined ? Math.max(this.t, t) : this.run.t[stop];
    this.n = n;
    if (stop !== undefined || n >= this.run.count) this.pause();
  }

  /** The first breakpoint that is passed on the way to event n. */
  _stop(n) {
    const found = [this.breaks, ...this.conditions.values()].map((events) => events.find((i) => i >= this.n && i < n));
    return found.filter((i) => i !== undefined).sort((a, b) => a - b)[0];
  }

  /** Stop at the events that a condition holds of; returns how many these are. An empty one does nothing. */
  breakAt(text) {
    if (!text.trim()) return this.conditions.size;
    const holds = parseCondition(this.run, text);
    const found = [];
    for (let i = 0; i < this.run.count; i += 1) if (holds(i)) found.push(i);
    if (found.length) this.conditions.set(text.trim(), found);
    return found.length;
  }

  /** To the next event at which a breakpoint stops, or to the one before. */
  toBreak(way) {
    const all = [...this.breaks, ...[...this.conditions.values()].flat()].sort((a, b) => a - b);
    const at = way > 0 ? all.find((i) => i >= this.n) : all.filter((i) => i < this.n - 1).pop();
    if (at === undefined) return;
    this.pause();
    this.seek(at + 1);
  }

  // -- what is shown -----------------------------------------------------------------------------

  /** Draw with the next frame. */
  redraw() {
    if (this.asked || this.ended.signal.aborted) return;
    this.asked = requestAnimationFrame((now) => this._frame(now));
  }

  _frame(now) {
    this.asked = null;
    const began = performance.now();
    if (this.playing) this._advance(now);
    this.map.draw(this.n, this.t);
    if (this.ladder.height) this.ladder.draw(this.n, this.t);
    this.timeline.draw(this.n, this.t);
    // while it plays, texts change ten times a second: nobody reads faster
    if (!this.playing || !(now - this.updated < 100)) {
      this.updated = now;
      this._texts();
    }
    const took = performance.now() - began;
    this.timing.frames += 1;
    this.timing.total += took;
    this.timing.longest = Math.max(this.timing.longest, took);
    if (this.playing) this.redraw();
  }

  /** Set all texts to the moment. */
  _texts() {
    const { run, n, t } = this;
    const tally = run.tally(n);
    const spooled = run.spooled(n);
    put(this.find(".tally"), [`${tally.delivered.toLocaleString("en")} of ${counted(tally.submitted, "recipient")} delivered`,
      tally.returned && `${tally.returned} returned`, tally.rejected && `${tally.rejected} rejected`,
      `${spooled} in spools`].filter(Boolean).join(" · "));
    put(this.find(".now"), n ? run.sentence(n - 1) : "Nothing has happened yet. Space plays, → steps one event.");
    put(this.find(".clock"), `${clock(t)} · event ${n.toLocaleString("en")} of ${run.count.toLocaleString("en")}`);
    const slider = this.find(".slider");
    if (!this.sliding) slider.value = Math.round((this.scale.place(t) / this.scale.length) * 1e6);
    slider.setAttribute("aria-valuetext", `${clock(t)}, event ${n} of ${run.count}`);
    if (this.current === "host") this.panels.host.show(n, this.host);
    if (this.current === "events") this.panels.events.show(n);
    if (this.current === "states") this.panels.states.show(n, this.host);
    if (this.current === "messages") this.panels.messages.show();
    if (this.current === "why") this.panels.why.show();
    if (this.wide || this.current === "follow") this.panels.follow.show(n, t);
    if (this.options.act) this._acts();
    this.map.canvas.setAttribute("aria-label", `Map of ${counted(run.hosts.length, "host")}; `
      + `${counted(run.sessionsAt(n).length, "session")} open. Hosts can be chosen in the tab Host too.`);
    if (this.playing && this.options.page) this._hash(1000);
  }

  /** The state of the run at this moment, as plain data. */
  state() { return { n: this.n, t: this.t, ...this.run.stateAt(this.n, this.t) }; }

  /** Choose the host that the panel is about. */
  choose(host) {
    this.tab("host");
    this.selectThing(`host:${host}`);
  }

  // -- what is selected ----------------------------------------------------------------------------

  /** Select a message, a host, a link or a session, for all panels; or nothing. */
  selectThing(thing) {
    const [what, number] = (thing || "").split(":");
    this.select = thing || null;
    if (what === "host") {
      this.host = Number(number);
      this.panels.host.session = null;
    }
    if (what === "session") this.panels.host.session = Number(number);
    this.wanted = what === "link" || !what ? undefined : thing;
    this._taking = null;
    this.map._place();
    this.timeline.key = null;
    this._scopes();
    this.redraw();
    this._moved();
  }

  /** The number of the message that is selected; null if none is. */
  get message() {
    const [what, number] = (this.select || "").split(":");
    return what === "message" ? Number(number) : null;
  }

  /** The hosts that what is selected has to do with. */
  hostsOf() {
    const [what, number] = (this.select || "").split(":");
    if (what === "host") return [Number(number)];
    if (what === "link") return [this.run.links[number].a, this.run.links[number].b];
    if (what === "session") {
      const session = this.run.sessions.get(Number(number));
      return session ? [session.a, session.b] : [];
    }
    return [...new Set(this.run.hopsOf(this.message).flatMap((hop) => [hop.host, hop.peer]))];
  }

  /** Whether a recipient's message has to do with what is selected, and with the span of time. */
  takesPart(row) {
    const { run, timeline } = this;
    const { recipients } = run;
    if (timeline.span) {
      const [from, to] = timeline.span;
      if (recipients.at[row] > to || recipients.at[row] + recipients.took[row] < from) return false;
    }
    if (!this.select) return true;
    if (!this._taking) this._taking = this._takers();
    return this._taking.has(recipients.message[row]);
  }

  _takers() {
    const { run } = this;
    const [what, text] = this.select.split(":");
    const number = Number(text);
    if (what === "message") return new Set([number]);
    const found = new Set();
    const on = what === "link" ? run.links[number] : null;
    for (const [message, hops] of Object.entries(run.data.hops)) {
      if (what === "session") continue;
      const meets = hops.some(([host, peer]) => (what === "host" ? host === number || peer === number
        : run.routeOf(host, peer).some((one, k, all) => k && ((all[k - 1] === on.a && one === on.b) || (all[k - 1] === on.b && one === on.a)))));
      if (meets) found.add(Number(message));
    }
    if (what === "session") for (const i of run.sessions.get(number)?.events || []) found.add(run.message[i]);
    return found;
  }

  /** What is said of a link. */
  linkWords(number) {
    const { run } = this;
    const link = run.links[number];
    const busy = link.busy === null ? "without a bandwidth" : `busy ${(link.busy * 100).toFixed(link.busy < 0.1 ? 1 : 0)} % of the time`;
    return `link ${run.hostName(link.a)}-${run.hostName(link.b)}: carried ${counted(link.bytes, "byte")}, ${busy}`;
  }

  /** Show words beside the pointer; null hides them. */
  tip(words, event = null) {
    const tip = this.find(".tip");
    tip.hidden = !words;
    if (!words) return;
    put(tip, words);
    const box = this.element.getBoundingClientRect();
    const x = Math.min(event.clientX - box.left + 14, box.width - tip.offsetWidth - 8);
    const y = event.clientY - box.top + 18;
    tip.style.left = `${Math.max(4, x)}px`;
    tip.style.top = `${y + tip.offsetHeight > box.height ? y - tip.offsetHeight - 30 : y}px`;
  }

  /** To the next event that failed, or to the one before. */
  failure(way) {
    const { failed } = this.run;
    const done = countTo(failed, this.n - 1);
    const before = failed[done - 1] === this.n - 1 ? done - 2 : done - 1;
    const at = way > 0 ? failed[done] : failed[before];
    if (at === undefined) return;
    this.pause();
    this.seek(at + 1);
  }

  /** To the next message of the table, or to the one before. */
  nextMessage(way) {
    const { messages } = this.panels;
    const { lines } = messages;
    let at = lines.findIndex((line) => line.row !== undefined && line.row === messages.current);
    for (at += way; lines[at]; at += way) {
      if (lines[at].row !== undefined && this.run.recipients.message[lines[at].row] !== this.message) return messages.pick(lines[at].row);
    }
    return undefined;
  }

  /** Choose what the ladder is of. */
  scope(scope) {
    if (scope === "all") this.selectThing(null);
    else this.selectThing(scope);
    if (scope === "all") this.wanted = "all";
    this._scopes();
    if (this.narrow) this.tab("ladder");
    this.redraw();
  }

  _scopes() {
    const { run, host } = this;
    const few = run.hosts.filter(({ kind }) => kind !== "router").length <= FEW;
    const scopes = [["all", "the whole run"], [`host:${host}`, `host ${run.hostName(host)}`]];
    const wanted = this.wanted && !this.wanted.startsWith("host:") ? this.wanted
      : this.wanted || !few ? `host:${host}` : "all";
    const [what, number] = wanted.split(":");
    if (what === "message" || what === "session") {
      scopes.push([wanted, what === "message" ? `mail ${number}` : `session ${number}`]);
    }
    const select = this.find(".scope");
    select.replaceChildren(...scopes.map(([value, words]) => make("option", { value }, words)));
    select.value = wanted;
    this.ladder.of(wanted);
  }

  tab(name) {
    this.current = name;
    for (const tab of this.element.querySelectorAll("[data-tab]")) {
      tab.setAttribute("aria-selected", tab.dataset.tab === name);
      tab.tabIndex = tab.dataset.tab === name ? 0 : -1;
    }
    for (const panel of this.element.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== name;
    this.element.classList.toggle("ladder-tab", name === "ladder");
    this.element.classList.toggle("follow-tab", name === "follow");
    if (this.timeline) this._fit();
  }

  moved() { this._moved(); }

  /** Report the new position to the listeners, and write it into the address. */
  _moved() {
    if (this.options.page) this._hash(0);
    for (const listener of this.listeners) listener(this.n, this.t);
  }

  onMove(listener) {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  // -- settings ----------------------------------------------------------------------------------

  _speeds() {
    const select = this.find(".speed");
    const wires = this.run.moving.length;
    const wish = this.scale.length / Math.min(Math.max(wires * 0.45, 8), 90);
    this.speeds = [];
    for (let power = -4; power <= 6; power += 1) for (const digit of [1, 2, 5]) this.speeds.push(Number(`${digit}e${power}`));
    this.speeds.forEach((speed) => {
      const words = speed.toLocaleString("en", { maximumFractionDigits: 4 });
      select.append(make("option", { value: speed }, `${words} ×`));
    });
    const fits = [...this.speeds].reverse().find((speed) => speed <= wish) || this.speeds[0];
    this.setSpeed(fits);
  }

  setSpeed(speed) {
    this.speed = speed;
    this.find(".speed").value = speed;
  }

  faster(by) {
    const at = this.speeds.indexOf(this.speed) + by;
    if (this.speeds[at] !== undefined) this.setSpeed(this.speeds[at]);
  }

  setSkip(skip) {
    this.skip = skip;
    this.find(".skip").checked = skip;
    this.scale = new Scale(this.run, skip);
    this.redraw();
  }

  setTheme(theme) {
    this.theme = theme;
    this._theme();
    this.redraw();
  }

  _theme() {
    this.element.dataset.theme = this.theme;
    put(this.find(".theme"), { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[this.theme]);
    this.find(".theme").setAttribute("aria-label", `Colours: ${this.theme}. Press to change.`);
    this.colours = palette(this.element);
    for (const view of [this.map, this.ladder, this.timeline]) view.key = null;
    this.find(".phases-of").replaceChildren(...phaseLegend(this.run, this.colours));
    this.find(".signs").replaceChildren(...phaseLegend(this.run, this.colours), ...endLegend(this.run, this.colours));
  }

  /** What bars of phases are filled with, in the present colours. */
  fills(context) {
    if (this.filled !== this.colours) this.phaseFills = phaseFills(context, this.run, this.colours);
    this.filled = this.colours;
    return this.phaseFills;
  }

  // -- the page about it -------------------------------------------------------------------------

  _fill() {
    const { run } = this;
    put(this.find(".title"), run.data.title || "A run");
    if (this.options.page) { // in a notebook it is one heading of many
      this.find(".title").setAttribute("role", "heading");
      this.find(".title").setAttribute("aria-level", "1");
    }
    this._verdict();
    this.find(".if-load").hidden = !run.links.some((link) => link.bytes);
    this.find(".if-routers").hidden = !run.hosts.some((host) => host.kind === "router");
    const list = make("dl");
    for (const [keys, words] of KEYS) list.append(make("dt", {}, keys), make("dd", {}, words));
    const notes = run.data.notes.map((note) => make("p", { class: "quiet" }, note));
    this.find("[data-panel=keys]").append(make("div", { class: "legend signs" }), list, make("p", {}, "A click on a host shows its spool, its mail drops and "
      + "its dialogue; a click in the ladder or the timeline goes to that moment. The address of this page names the "
      + "moment (#t=12.3), what is selected and the query: it can be sent to others."), ...notes);
    this._playing();
  }

  /** The verdict: how many came to which end, and where the time went; and rules that were broken. */
  _verdict() {
    const { verdict } = this.run.data;
    const line = this.find(".verdict");
    const ends = verdict.ends.map(([name, count, words]) => make("button", { type: "button",
      class: `end end-${name} ${count ? "" : "none"}`, title: `the messages that were ${name}`,
      onclick: () => this.ask(`outcome:${name}`) }, `${endLook(this.run, name).glyph} ${words}`));
    line.replaceChildren(make("strong", {}, `${verdict.who}:`), ...ends, make("span", {}, verdict.words));
    if (verdict.shows) line.append(make("span", { class: "shows" }, verdict.shows));
    for (const [t, message, words] of verdict.breaches.slice(0, 3)) {
      line.append(make("button", { type: "button", class: "broken", onclick: () => {
        this.seekTime(t / 1e6);
        if (message >= 0) this.selectThing(`message:${message}`);
      } }, `${this.run.data.looks.broken.glyph} ${words}`));
    }
  }

  /** What can be changed from this moment on, where a kernel stands behind the page. */
  _acts() {
    const { run } = this;
    const place = this.find(".acts");
    const session = this.panels.follow.session(this.n);
    const open = session && session.close >= this.n ? session : null;
    const [what, number] = (this.select || "").split(":");
    const key = [this.host, this.select, open && open.number].join("/");
    if (place.dataset.key === key) return;
    place.dataset.key = key;
    place.hidden = false;
    const names = run.data.conditions.names;
    const act = (change) => {
      this.pause();
      put(this.find(".acts .said"), "the run is made again …");
      this.options.act({ n: this.n, ...change });
    };
    const button = (words, change) => make("button", { type: "button", class: "small", onclick: () => act(change()) }, words);
    const buttons = [];
    if (what === "link") {
      const { a, b } = run.links[number];
      buttons.push(button(`✂ cut ${run.hostName(a)}-${run.hostName(b)}`, () => ({ act: "cut", a: names[a], b: names[b] })),
        button("… for 60 s", () => ({ act: "cut", a: names[a], b: names[b], seconds: 60 })));
    } else if (run.hosts[this.host] && run.hosts[this.host].kind !== "router") {
      buttons.push(button(`✖ crash ${run.hostName(this.host)} for 60 s`, () => ({ act: "crash", host: names[this.host] })));
    }
    if (open) {
      const line = make("input", { type: "text", class: "line", value: "451 Not now", "aria-label": `The next reply of session ${open.number}` });
      buttons.push(line, button(`change the next reply of session ${open.number}`, () => ({ act: "reply", line: line.value, session: open.number })),
        button("hang up", () => ({ act: "hang-up", session: open.number })));
    }
    if (this.options.altered) buttons.push(button("↶ undo", () => ({ act: "undo" })));
    const hint = what === "link" ? "" : "a click on a link offers to cut it";
    place.replaceChildren(make("strong", {}, "Change from here on:"), ...buttons, make("span", { class: "said quiet", role: "status" }, hint));
  }

  /** Ask the table of messages. */
  ask(text) {
    this.tab("messages");
    this.panels.messages.of(text);
    this._moved();
    this.redraw();
  }

  _finding(list) {
    const words = this.find(".find").value.trim().toLowerCase();
    const hosts = words ? this.run.hosts.filter((host) => host.name.toLowerCase().includes(words)).slice(0, 12) : [];
    const messages = this.run.rowsOfMessage.has(Number(words)) && words ? [make("option", { value: `message ${words}` })] : [];
    list.replaceChildren(...messages, ...hosts.map((host) => make("option", { value: host.name })));
    return hosts;
  }

  _found() {
    const text = this.find(".find").value.trim().toLowerCase();
    const message = /^(?:message |#)?(\d+)$/.exec(text);
    const { hosts } = this.run;
    let host = hosts.findIndex((one) => one.name.toLowerCase() === text);
    if (host < 0 && message && this.run.rowsOfMessage.has(Number(message[1]))) return this.selectThing(`message:${message[1]}`);
    if (host < 0 && text) host = hosts.findIndex((one) => one.name.toLowerCase().startsWith(text));
    if (host < 0 && text) host = hosts.findIndex((one) => one.name.toLowerCase().includes(text));
    if (host < 0) return undefined;
    this.choose(host);
    return this.map.focus([host]);
  }

  _playing() {
    const button = this.find(".play");
    put(button, this.playing ? "❚❚ Pause" : "▶ Play");
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.find(".now").setAttribute("aria-live", this.playing ? "off" : "polite");
  }

  _listen() {
    const { signal } = this.ended;
    const on = (selector, event, call) => this.find(selector).addEventListener(event, call, { signal });
    on(".play", "click", () => (this.playing ? this.pause() : this.play()));
    on(".step", "click", () => this.step());
    on(".back", "click", () => this.back());
    on(".first", "click", () => { this.pause(); this.seek(0); });
    on(".last", "click", () => { this.pause(); this.seek(this.run.count); });
    on(".speed", "change", (event) => this.setSpeed(Number(event.target.value)));
    on(".skip", "change", (event) => this.setSkip(event.target.checked));
    on(".zoom-in", "click", () => this.map.zoomBy(1.6));
    on(".zoom-out", "click", () => this.map.zoomBy(1 / 1.6));
    on(".zoom-all", "click", () => this.map.whole());
    const list = this.find("header datalist");
    list.id = `find-${Math.random().toString(36).slice(2)}`;
    this.find(".find").setAttribute("list", list.id);
    on(".find", "input", () => this._finding(list));
    on(".find", "change", () => this._found());
    on(".scope", "change", (event) => this.scope(event.target.value));
    on(".theme", "click", () => this._nextTheme());
    on(".slider", "pointerdown", () => { this.sliding = true; });
    on(".slider", "input", (event) => this.seekPlace((Number(event.target.value) / 1e6) * this.scale.length));
    on(".slider", "change", () => { this.sliding = false; });
    on(".slider", "pointerup", () => { this.sliding = false; });
    for (const tab of this.element.querySelectorAll("[data-tab]")) {
      tab.addEventListener("click", () => this.tab(tab.dataset.tab), { signal });
      tab.addEventListener("keydown", (event) => this._tabKey(event, tab), { signal });
    }
    const keys = this.options.page ? document : this.element;
    keys.addEventListener("keydown", (event) => this._key(event), { signal });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.setTheme(this.theme), { signal });
    this.watch = new ResizeObserver(() => this._fit());
    this.watch.observe(this.element);
    for (const view of [this.map, this.ladder, this.timeline]) this.watch.observe(view.canvas);
    if (this.options.page) addEventListener("hashchange", () => this._fromHash(), { signal });
  }

  _tabKey(event, tab) {
    const way = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
    if (!way) return;
    event.preventDefault();
    event.stopPropagation();
    let next = tab[way];
    while (next && !next.offsetParent) next = next[way];
    if (!next) return;
    this.tab(next.dataset.tab);
    next.focus();
  }

  _nextTheme() { this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]); }

  _key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    const tag = event.target.tagName;
    if (tag === "SELECT" || tag === "TEXTAREA" || (tag === "INPUT" && event.target.type !== "range")) return;
    if (event.key === " " && ["BUTTON", "SUMMARY", "A"].includes(tag)) return;
    const hosts = this.run.hosts.length;
    const calls = {
      " ": () => (this.playing ? this.pause() : this.play()),
      ArrowRight: () => (event.shiftKey ? this.stepInLadder(1) : this.step()),
      ArrowLeft: () => (event.shiftKey ? this.stepInLadder(-1) : this.back()),
      PageDown: () => { this.pause(); this.seek(this.n + 10); },
      PageUp: () => { this.pause(); this.seek(this.n - 10); },
      Home: () => { this.pause(); this.seek(0); },
      End: () => { this.pause(); this.seek(this.run.count); },
      "+": () => this.faster(1),
      "=": () => this.faster(1),
      "-": () => this.faster(-1),
      "[": () => this.choose((this.host + hosts - 1) % hosts),
      "]": () => this.choose((this.host + 1) % hosts),
      n: () => this.failure(1),
      N: () => this.failure(-1),
      b: () => this.toBreak(1),
      B: () => this.toBreak(-1),
      m: () => this.nextMessage(1),
      M: () => this.nextMessage(-1),
      z: () => this.timeline.zoomBy(2),
      Z: () => this.timeline.zoomBy(0.5),
      "/": () => { this.tab("messages"); this.panels.messages.ask.focus(); },
      Escape: () => { this.timeline.span = null; this.selectThing(null); },
      w: () => this.setSkip(!this.skip),
      d: () => this._nextTheme(),
      "?": () => this.tab("keys"),
    };
    const call = calls[event.key];
    if (!call) return;
    event.preventDefault();
    call();
  }

  _fit() {
    const narrow = this.element.clientWidth < NARROW;
    const wide = this.element.clientWidth >= WIDE;
    if (wide !== this.wide) {
      this.wide = wide;
      this.element.classList.toggle("wide", wide);
      if (wide && this.current === "follow") return this.tab("messages");
    }
    if (narrow !== this.narrow) {
      this.narrow = narrow;
      this.element.classList.toggle("narrow", narrow);
      if (!narrow && this.current === "ladder") return this.tab("host");
    }
    for (const view of [this.map, this.ladder, this.timeline]) view.fit();
    return this.redraw();
  }

  // -- the moment in the address -----------------------------------------------------------------

  /** Write the moment into the address: #t=12.3, with n where more happens at that very time. */
  _hash(least) {
    const now = Date.now();
    if (least && now - (this.hashed || 0) < least) return;
    this.hashed = now;
    const t = Number(this.t.toFixed(6));
    const exact = this.n === this.run.eventsBy(t);
    const parts = [`t=${t}`];
    if (!exact) parts.push(`n=${this.n}`);
    if (this.select) parts.push(`select=${this._selected()}`);
    if (this.timeline.span) parts.push(`span=${this.timeline.span.map((x) => Number(x.toFixed(6))).join("~")}`);
    if (this.panels.messages.text) parts.push(`q=${encodeURIComponent(this.panels.messages.text)}`);
    try {
      history.replaceState(null, "", `#${parts.join("&")}`);
    } catch {
      // within another page (a notebook) the address may not be changed
    }
  }

  /** What is selected, hosts by their names: "host:HUB.CAMPUS", "link:HUB.CAMPUS~DORM.CAMPUS". */
  _selected() {
    const [what, number] = this.select.split(":");
    const { run } = this;
    const name = (host) => encodeURIComponent(run.hostName(host));
    if (what === "host") return `host:${name(Number(number))}`;
    if (what === "link") return `link:${name(run.links[number].a)}~${name(run.links[number].b)}`;
    return this.select;
  }

  /** The thing that an address names; null if there is no such one. */
  _thing(text) {
    const [, what, name] = /^(\w+):(.*)$/s.exec(text) || [];
    const { run } = this;
    const host = (one) => run.hosts.findIndex((each) => each.name.toLowerCase() === one.toLowerCase());
    if (what === "host") return host(name) < 0 ? null : `host:${host(name)}`;
    if (what === "message") return run.data.hops[name] || run.rowsOfMessage.has(Number(name)) ? text : null;
    if (what === "session") return run.sessions.has(Number(name)) ? text : null;
    if (what !== "link") return null;
    const [a, b] = name.split("~").map(host);
    return this.map.between.has(`${a}-${b}`) ? `link:${this.map.between.get(`${a}-${b}`)}` : null;
  }

  _fromHash() {
    const parts = new Map(location.hash.slice(1).split("&").map((part) => {
      const [name, ...value] = part.split("=");
      try {
        return [name, decodeURIComponent(value.join("="))];
      } catch {
        return [name, ""];
      }
    }));
    const number = (text) => (text && Number.isFinite(Number(text)) ? Number(text) : null);
    const [t, n] = [number(parts.get("t")), number(parts.get("n"))];
    this.pause();
    const span = (parts.get("span") || "").split("~").map(number);
    this.timeline.span = span.length === 2 && !span.includes(null) ? span : null;
    if (parts.has("q")) this.panels.messages.of(parts.get("q"));
    if (parts.has("select")) this.selectThing(this._thing(parts.get("select")));
    else if (this.select) this.selectThing(null);
    if (t === null) return;
    if (n !== null) this.seek(n, Math.min(t, this.run.last));
    else this.seekTime(t);
  }

  /** Remove everything that was mounted. */
  destroy() {
    this.playing = false;
    this.ended.abort();
    this.watch.disconnect();
    if (this.asked) cancelAnimationFrame(this.asked);
    this.element.replaceChildren();
  }
}

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Play a run in an element. `data` is an object as replay_data makes it, or its packed text;
 * options: page (the player has the address and the keys of the whole page), theme (auto, light, dark),
 * breaks (numbers of events after which playing stops). The promise is of the Player.
 */
export async function mount(element, data, options = {}) {
  const player = new Player(element, new Run(await unpack(data)), options);
  if (options.page && location.hash) player._fromHash();
  return player;
}

/** Hide the still picture that stands in the same cell's output while nothing plays. */
function hideStill(el) {
  const cell = el.closest(".jp-Cell, .cell, .jp-OutputArea");
  for (const still of cell ? cell.querySelectorAll(".lab-replay-still") : []) still.style.display = "none";
}

/** The same in a notebook, for anywidget; where the kernel can make the run again, with acts. */
async function render({ model, el }) {
  const place = make("div", { class: "embedded", tabindex: "0" });
  const beside = make("div", { class: "lab-beside" });
  el.append(place, beside);
  let player = null;
  const moved = (n) => {
    model.set("position", n);
    model.save_changes();
  };
  const act = (change) => model.send({ kind: "act", ...change });
  const begin = async () => {
    const before = player;
    const options = { theme: before ? before.theme : model.get("theme"), breaks: model.get("breaks"),
      act: model.get("acts") ? act : null, altered: model.get("altered") };
    before?.destroy();
    player = await mount(place, model.get("data"), options);
    if (before) {
      player.selectThing(player._thing(before.select ? before._selected() : ""));
      player.tab(before.current);
    }
    follow();
    player.onMove(moved);
    compared(beside, model.get("comparison"), model.get("altered"));
  };
  const follow = () => {
    const position = model.get("position");
    if (Number.isInteger(position) && position !== player.n) player.seek(position);
  };
  const breaks = () => { player.breaks = model.get("breaks") || []; };
  const heard = (message) => {
    if (message && message.kind === "refused") put(player.find(".acts .said"), message.words);
  };
  await begin();
  hideStill(el);
  const late = setTimeout(() => hideStill(el), 500); // where the output is put into the page after this
  const handlers = { "change:position": follow, "change:breaks": breaks, "change:data": begin, "msg:custom": heard };
  for (const [name, call] of Object.entries(handlers)) model.on(name, call);
  return () => {
    clearTimeout(late);
    for (const [name, call] of Object.entries(handlers)) model.off(name, call);
    player.destroy();
  };
}

/** The comparison of an altered run with its original, below the player. */
function compared(element, page, words) {
  element.replaceChildren();
  if (!page) return;
  const frame = make("iframe", { title: "The altered run beside its original", sandbox: "",
    style: "width: 100%; height: 520px; border: 0" });
  frame.srcdoc = page;
  element.append(make("details", { open: true }, make("summary", {}, `The altered run (B) beside its original (A): ${words}`), frame));
}

export default { render };
