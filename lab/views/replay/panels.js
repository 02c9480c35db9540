// The panels beside the map: the host that was chosen, and the events. All of it is text content:
// no name and no mail is ever read as markup.

const LONG = 60; // entries of a list that are shown; the others are counted

/** An element with attributes and children; strings become text. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false && value !== null) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  return element;
}

/** The host that was chosen: its faults, spool, mail drops and dialogue. */
class HostPanel {
  constructor(player, element) {
    this.player = player;
    this.run = player.run;
    this.element = element;
    this.session = null; // one that the reader chose; otherwise the latest
    this.opened = new Set();
    const pick = make("select", { "aria-label": "Host", class: "pick-host",
      onchange: () => player.choose(Number(pick.value)) });
    this.pick = pick;
    // of very many hosts the list is made when somebody is about to open it
    if (this.run.hosts.length <= 500) this._choices();
    else for (const about of ["pointerdown", "focus"]) pick.addEventListener(about, () => this._choices());
    this.about = make("span", { class: "quiet" });
    this.body = make("div", { class: "of-host" });
    element.append(make("p", { class: "row" }, pick, this.about), this.body);
  }

  /** Offer all hosts. */
  _choices() {
    if (this.pick.options.length === this.run.hosts.length) return;
    const { value } = this.pick;
    this.pick.replaceChildren(...this.run.hosts.map((host, k) => make("option", { value: k }, host.name)));
    if (value !== "") this.pick.value = value;
  }

  /** Show which host is chosen. */
  _chosen(host) {
    if (this.pick.options.length < this.run.hosts.length) {
      this.pick.replaceChildren(make("option", { value: host }, this.run.hostName(host)));
    }
    this.pick.value = host;
  }

  show(n, host) {
    const sessions = this.run.sessionsBy(n, host);
    const session = sessions.find(({ number }) => number === this.session) || sessions[sessions.length - 1];
    const lines = session ? countTo(session.events, n - 1) : 0;
    const faults = this.run.faultsOf(n, host);
    const drops = this.run.dropsOf(n, host);
    const spool = this.run.spoolOf(n, host);
    const key = JSON.stringify([host, session && session.number, lines, faults.map((f) => f.enter),
      drops.length, sessions.length, spool.map((entry) => [entry.enter, this.run.retryAt(n, entry)])]);
    if (key === this.key) return;
    this.key = key;
    this._chosen(host);
    this.about.textContent = this._about(host, faults);
    const keep = document.activeElement && document.activeElement.dataset.keep;
    this.body.replaceChildren(
      ...(!this.run.hosts[host] || this.run.hosts[host].kind === "router" ? [] : [
        make("div", {}, this._spool(n, host, spool), this._drops(host, drops)),
        this._dialogue(n, sessions, session, lines),
      ]));
    const dialogue = this.body.querySelector(".lines");
    if (dialogue) dialogue.scrollTop = dialogue.scrollHeight;
    if (keep) this.body.querySelector(`[data-keep="${keep}"]`)?.focus();
  }

  _about(host, faults) {
    return [this.run.hosts[host]?.about ?? "", ...faults.map((fault) => `⚠ ${fault.words}`)].join(" · ");
  }

  _spool(n, host, spool) {
    const length = this.run.spoolLength(n, host);
    const section = make("section", { class: "spool" }, make("h2", {}, `Spool: ${counted(length, "message")}`));
    const list = make("ul");
    for (const entry of spool.slice(0, LONG)) {
      const retry = this.run.retryAt(n, entry);
      const [words, next] = this.run.data.spools.words;
      const text = filled(words + (retry === null ? "" : next), {
        message: entry.message, peer: this.run.hostName(entry.peer), size: counted(entry.size, "byte"),
        recipients: counted(entry.recipients.length, "recipient"), time: retry === null ? "" : clock(retry) });
      list.append(make("li", {}, this._follow(entry.message), text));
    }
    if (spool.length > LONG) list.append(make("li", {}, `and ${spool.length - LONG} more`));
    if (spool.length) section.append(list);
    return section;
  }

  _follow(message) {
    return make("button", { class: "small", title: `Ladder of mail ${message}`, "data-keep": `m${message}`,
      "aria-label": `Ladder of mail ${message}`, onclick: () => this.player.scope(`message:${message}`) }, "⇅");
  }

  _drops(host, drops) {
    const section = make("section", { class: "drops" }, make("h2", {}, `Mail drops: ${counted(drops.length, "message")}`));
    for (const i of drops.slice(-LONG).reverse()) section.append(this._delivered(i));
    if (drops.length > LONG) section.append(make("p", {}, `and ${drops.length - LONG} before these`));
    return section;
  }

  _delivered(i) {
    const head = `${this.run.get(i, "user")}: mail ${this.run.message[i]}, at ${clock(this.run.t[i])}`;
    const details = make("details", { open: this.opened.has(i) }, make("summary", { "data-keep": `d${i}` }, head));
    const fill = () => {
      if (details.childElementCount === 1) details.append(make("pre", {}, this.run.lines(i).join("\n") + this._missing(i)));
    };
    if (this.opened.has(i)) fill();
    details.addEventListener("toggle", () => {
      this.opened[details.open ? "add" : "delete"](i);
      fill();
    });
    return details;
  }

  _missing(i) {
    const missing = this.run.missing(i);
    return missing ? `\n[… ${counted(missing, "more byte")}, left out of this page]` : "";
  }

  _dialogue(n, sessions, session, lines) {
    const section = make("section", { class: "dialogue" }, make("h2", {}, "Dialogue"));
    if (!session) {
      section.append(make("p", { class: "quiet" }, "No session yet."));
      return section;
    }
    const pick = make("select", { "aria-label": "Session", "data-keep": "session", onchange: () => {
      this.session = pick.value === "" ? null : Number(pick.value);
      this.player.redraw();
    } });
    pick.append(make("option", { value: "" }, "the latest session"));
    for (const { number, a, b } of sessions.slice(-200).reverse()) {
      const words = `session ${number}: ${this.run.hostName(a)} → ${this.run.hostName(b)}`;
      pick.append(make("option", { value: number, selected: number === this.session }, words));
    }
    const over = session.close < n;
    section.append(make("p", { class: "row" }, pick, make("button", { class: "small", "data-keep": "ladder",
      onclick: () => this.player.scope(`session:${session.number}`) }, "ladder of it")));
    section.append(make("p", { class: "quiet" }, `== session ${session.number} · ${this.run.hostName(session.a)} → `
      + `${this.run.hostName(session.b)} · ${over ? session.ending : "open"}`));
    section.append(make("pre", { class: "lines" }, this.linesOf(session, lines).join("\n")));
    return section;
  }

  /** The lines of a session as the transcript has them; of very many, the last. */
  linesOf(session, count) {
    const texts = [];
    for (const i of session.events.slice(0, count)) {
      const letter = this.run.data.letters[this.run.name(i)];
      if (!letter) continue;
      for (const line of this.run.lines(i)) texts.push(`${letter}: ${line}`);
      const missing = this.run.missing(i);
      if (missing) texts.push(`   [… ${counted(missing, "more byte")}, left out of this page]`);
    }
    return texts.length > 300 ? [`(${texts.length - 300} lines before)`, ...texts.slice(-300)] : texts;
  }
}

/** The events around the current one, on a fixed number of buttons. */
class EventsPanel {
  constructor(player, element) {
    this.player = player;
    this.run = player.run;
    this.list = make("ol", { class: "events" });
    this.rows = Array.from({ length: 30 }, () => {
      const time = make("span", { class: "time" });
      const words = make("span");
      const button = make("button", { onclick: () => player.seek(Number(button.value)) }, time, words);
      const item = make("li", {}, button);
      this.list.append(item);
      return { item, button, time, words };
    });
    this.ask = make("input", { type: "search", class: "stop", placeholder: "reply 550", spellcheck: "false", autocomplete: "off",
      "aria-label": "Stop at a condition, such as reply 550, or host B stores" });
    this.notice = make("span", { class: "quiet", role: "status" });
    this.stops = make("span", { class: "row" });
    const form = make("form", { class: "row" }, make("label", {}, "Stop at ", this.ask),
      make("button", { class: "small" }, "add"), make("button", { class: "small", type: "button", onclick: () => player.toBreak(-1) }, "⇤ before"),
      make("button", { class: "small", type: "button", onclick: () => player.toBreak(1) }, "next ⇥"), this.notice, this.stops);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this._add(this.ask.value);
    });
    element.append(form, this.list);
  }

  /** Stop at each event that a condition holds of. */
  _add(text) {
    try {
      const count = this.player.breakAt(text);
      put(this.notice, count ? "" : `${text}: no such event`);
      this.ask.value = "";
    } catch (error) {
      put(this.notice, error.message);
    }
    this.stops.replaceChildren(...[...this.player.conditions].map(([words, events]) => make("button", { type: "button", class: "small",
      "aria-label": `Do not stop at ${words}`, onclick: () => {
        this.player.conditions.delete(words);
        this._add("");
      } }, `${words} (${events.length}) ✕`)));
  }

  show(n) {
    const before = 18;
    const first = Math.max(0, Math.min(n - before, this.run.count - this.rows.length));
    if (`${first}/${n}` === this.key) return;
    this.key = `${first}/${n}`;
    this.rows.forEach(({ item, button, time, words }, k) => {
      const i = first + k;
      item.hidden = i >= this.run.count;
      if (item.hidden) return;
      button.value = i + 1;
      time.textContent = clock(this.run.t[i]);
      words.textContent = this.run.sentence(i);
      button.className = i >= n ? "to-come" : "";
      if (i === n - 1) button.setAttribute("aria-current", "step");
      else button.removeAttribute("aria-current");
    });
    const at = this.rows[n - 1 - first];
    const box = this.list.parentElement;
    if (at && box.clientHeight) {
      const middle = at.item.offsetTop - box.offsetTop - box.clientHeight / 2;
      box.scrollTop = Math.max(0, middle);
    }
  }
}

/** The sessions of the host that was chosen: the states of both sides, and their three buffers. */
class StatesPanel {
  constructor(player, element) {
    this.player = player;
    this.run = player.run;
    this.states = player.run.data.states;
    this.element = element;
  }

  show(n, host) {
    const sessions = this.run.sessionsBy(n, host);
    const open = sessions.filter((session) => this.snapshotOf(session, n) && session.close >= n).slice(-4);
    const shown = open.length ? open : sessions.slice(-1);
    const snapshots = shown.map((session) => [session, this.snapshotOf(session, n)]).filter(([, snapshot]) => snapshot);
    const key = JSON.stringify([host, snapshots.map(([session, snapshot]) => [session.number, ...snapshot])]);
    if (key === this.key) return;
    this.key = key;
    const about = make("p", { class: "quiet" }, `${this.run.hostName(host)}: ` + (!this.states.sessions
      ? "this page holds too many events to show states and buffers; the stepper (lab step) shows them."
      : snapshots.length ? counted(snapshots.length, "session") : "no session yet"));
    this.element.replaceChildren(about, ...snapshots.map(([session, found]) => this._session(session, found)));
  }

  /** The last snapshot of a session that was taken by event n; null before it opened. */
  snapshotOf(session, n) {
    const snapshots = (this.states.sessions || {})[session.number];
    if (!snapshots || snapshots[0][0] >= n) return null;
    let low = 0;
    let high = snapshots.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if (snapshots[middle][0] < n) low = middle;
      else high = middle;
    }
    return snapshots[low];
  }

  _session(session, [, sender, receiver, from, to]) {
    const sides = [sender, receiver].map((number) => this.states.sides[number]);
    const row = (name, k) => make("tr", {}, make("th", { scope: "row" }, name), ...sides.map((texts) => make("td", {}, texts[k])));
    return make("table", { class: "states" },
      make("thead", {}, make("tr", {}, make("th", {}, `session ${session.number}`),
        make("th", { scope: "col" }, `sender-SMTP ${this.run.hostName(from)}`),
        make("th", { scope: "col" }, `receiver-SMTP ${this.run.hostName(to)}`))),
      make("tbody", {}, ...this.states.rows.map(row)));
  }
}
