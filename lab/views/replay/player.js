// The player: one run on one clock, and the views that follow it. In a page, mount(element, data,
// { page: true }); in a notebook, the default export is a widget of anywidget whose model holds
// `data` and may hold `position` (events that have happened), `breaks` and `theme`.

const THEMES = ["auto", "light", "dark"];
const NARROW = 820; // CSS pixels; below, the ladder is a tab like the others
const LOW = 800; // below that height, what is not the map and the table takes less room
const WIDE = 1180; // from here on the session has a column of its own

class Player {
  constructor(element, run, options) {
    Object.assign(this, { element, run, options, n: 0, t: 0, playing: false, skip: true, written: 0 });
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
    this.address = new Address(this);
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
    fillPage(this);
    this._playing();
    listen(this);
    this._scopes();
    this._theme();
    this.tab("messages");
    this.fit();
  }

  // -- moving ------------------------------------------------------------------------------------

  /** Go to event n (that many have happened), at its time or at t. */
  seek(n, t = null) {
    this.n = Math.min(Math.max(0, n), this.run.count);
    this.t = t === null ? (this.n ? this.run.t[this.n - 1] : 0) : t;
    this.ladder.up = 0;
    this.live?.moved(this.n === this.run.count);
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
    this.live?.moved(false);
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
    if (n >= this.run.count) this.live?.moved(true);
  }

  /** The first breakpoint that is passed on the way to event n. */
  _stop(n) {
    const stops = [this.breaks, ...this.conditions.values()].map((events) => events.find((i) => i >= this.n && i < n));
    return stops.filter((i) => i !== undefined).sort((a, b) => a - b)[0];
  }

  /** Stop at the events that a condition holds of; returns how many these are. An empty one does nothing. */
  breakAt(text) {
    if (!text.trim()) return this.conditions.size;
    const holds = parseCondition(this.run, text);
    const events = [];
    for (let i = 0; i < this.run.count; i += 1) if (holds(i)) events.push(i);
    if (events.length) this.conditions.set(text.trim(), events);
    return events.length;
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

  /** Draw with the next frame: everything, or the map alone. */
  redraw(mapAlone = false) {
    if (this.ended.signal.aborted) return;
    this.mapAlone = mapAlone && (this.mapAlone || !this.asked);
    this.asked ||= requestAnimationFrame((now) => this._frame(now));
  }

  _frame(now) {
    this.asked = null;
    const began = performance.now();
    if (this.playing) this._advance(now);
    this.map.draw(this.n, this.t);
    if (!this.mapAlone || this.playing) this._beside(now);
    this.mapAlone = false;
    const took = performance.now() - began;
    this.timing.frames += 1;
    this.timing.total += took;
    this.timing.longest = Math.max(this.timing.longest, took);
    if (this.playing) this.redraw();
  }

  /** Draw everything beside the map. */
  _beside(now) {
    if (this.ladder.height) this.ladder.draw(this.n, this.t);
    this.timeline.draw(this.n, this.t);
    // while it plays, texts change ten times a second at most: nobody reads faster
    const moves = this.playing || this.live?.keepsUp;
    if (!moves || !(now - this.updated < Math.max(100, 6 * this.written))) {
      this.updated = now;
      const since = performance.now();
      this._texts();
      this.written = performance.now() - since;
    }
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
    if (this.live) this.live.offers();
    else if (this.options.act) showChanges(this);
    this.map.canvas.setAttribute("aria-label", `Map of ${counted(run.hosts.length, "host")}; `
      + `${counted(run.sessionsAt(n).length, "session")} open. Hosts can be chosen in the tab Host too.`);
    if (this.playing && this.options.page) this.address.write(1000);
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
  selectThing(selection) {
    const [kind, number] = (selection || "").split(":");
    this.select = selection || null;
    if (kind === "host") {
      this.host = Number(number);
      this.panels.host.session = null;
    }
    if (kind === "session") this.panels.host.session = Number(number);
    this.wanted = kind === "link" || !kind ? undefined : selection;
    this.takingPart = null;
    this.map.placeNodes();
    this.timeline.key = null;
    this._scopes();
    this.redraw();
    this._moved();
  }

  /** The number of the message that is selected; null if none is. */
  get message() {
    const [kind, number] = (this.select || "").split(":");
    return kind === "message" ? Number(number) : null;
  }

  /** The hosts that what is selected has to do with. */
  hostsOf() {
    const [kind, number] = (this.select || "").split(":");
    if (kind === "host") return [Number(number)];
    if (kind === "link") return [this.run.links[number].a, this.run.links[number].b];
    if (kind === "session") {
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
    if (!this.takingPart) this.takingPart = messagesOf(this.run, this.select);
    return this.takingPart.has(recipients.message[row]);
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
    const [kind, number] = wanted.split(":");
    if (kind === "message" || kind === "session") {
      scopes.push([wanted, kind === "message" ? `mail ${number}` : `session ${number}`]);
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
    if (this.timeline) this.fit();
  }

  moved() { this._moved(); }

  /** Report the new position to the listeners, and write it into the address. */
  _moved() {
    if (this.options.page) this.address.write(0);
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

  // -- what is asked for, and the controls -------------------------------------------------------

  /** Ask the table of messages. */
  ask(text) {
    this.tab("messages");
    this.panels.messages.of(text);
    this._moved();
    this.redraw();
  }

  _playing() {
    const button = this.find(".play");
    put(button, this.playing ? "❚❚ Pause" : "▶ Play");
    button.setAttribute("aria-label", this.playing ? "Pause" : "Play");
    this.find(".now").setAttribute("aria-live", this.playing ? "off" : "polite");
  }

  nextTheme() { this.setTheme(THEMES[(THEMES.indexOf(this.theme) + 1) % THEMES.length]); }

  fit() {
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
    this.element.classList.toggle("low", !narrow && this.element.clientHeight < LOW);
    for (const view of [this.map, this.ladder, this.timeline]) view.fit();
    return this.redraw();
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
  if (options.page && location.hash) player.address.read();
  return player;
}
