// What is followed: the paths of the selected message, and the session: states, buffers, dialogue.

const STATE_PLACES = { opened: [34, 20], ready: [110, 20], mail: [186, 20], rcpt: [262, 20], data: [262, 66], closed: [34, 66] };

class FollowPanel {
  constructor(player, element) {
    Object.assign(this, { player, run: player.run, element, states: player.run.data.states });
    this.paths = make("section", { class: "paths", "aria-label": "Paths of the selected message" });
    this.engines = make("section", { class: "engines", "aria-label": "State and buffers of both sides" });
    this.dialogue = make("pre", { class: "dialogue-lines", tabindex: "0", "aria-label": "Dialogue" });
    this.head = make("h2");
    element.append(this.paths, this.head, this.engines, this.dialogue);
  }

  show(n, t) {
    this._paths(t);
    const coming = this.session(n) ? null : this._first();
    const session = coming || this.session(n);
    const seen = coming ? coming.open + 1 : n; // its states as it opens, but its dialogue to the end
    const snapshot = session && this.player.panels.states.snapshotOf(session, seen);
    const done = coming ? coming.events.length : session ? countTo(session.events, n - 1) : 0;
    const key = [session && session.number, snapshot && snapshot[0], done, coming !== null, this.player.theme].join("/");
    if (key === this.key) return;
    this.key = key;
    if (!session) {
      put(this.head, "No session yet");
      this.engines.replaceChildren();
      put(this.dialogue, "");
      return;
    }
    put(this.head, `Session ${session.number}${coming ? ", to come" : ""}: ${this.run.hostName(session.a)} → ${this.run.hostName(session.b)}`);
    this.dialogue.classList.toggle("to-come", coming !== null);
    this._engines(snapshot);
    put(this.dialogue, this.player.panels.host.linesOf(session, done).join("\n"));
    this.dialogue.scrollTop = coming ? 0 : this.dialogue.scrollHeight;
  }

  /** The session that is selected, or in which the selected message is; else the latest one. */
  session(n) {
    const { run, player } = this;
    const [kind, number] = (player.select || "").split(":");
    if (kind === "session") return run.sessions.get(Number(number)) || null;
    if (player.message !== null) {
      let [latest, session] = [null, 0];
      for (const message of [player.message, ...(run.data.notifications[player.message] || [])]) {
        session = 0;
        for (const step of run.data.met[message] || []) {
          const candidate = run.sessions.get(session += step);
          if (candidate && candidate.open < n && (!latest || candidate.open > latest.open)) latest = candidate;
        }
      }
      return latest;
    }
    for (let i = n - 1; i >= 0 && i > n - 400; i -= 1) {
      if (run.session[i] < 0 || !run.sessions.has(run.session[i])) continue;
      const session = run.sessions.get(run.session[i]);
      if (kind !== "host" || session.a === player.host || session.b === player.host) return session;
    }
    const sessions = run.sessionsBy(n, player.host);
    return sessions[sessions.length - 1] || null;
  }

  /** Where there has been none: the first session to come, of the selected message or of all; or null. */
  _first() {
    const { sessions, data } = this.run;
    const { message } = this.player;
    const number = message === null ? sessions.keys().next().value : (data.met[message] || [])[0];
    return sessions.get(number) || null;
  }

  // -- paths: a chip for each host of a route, and for the mailbox --------------------------------

  _paths(t) {
    const { run, player } = this;
    const hops = run.hopsOf(player.message);
    let at = -1;
    hops.forEach((hop, k) => { if (hop.queued <= t) at = k; });
    const key = `${player.message}/${at}/${hops[at] && hops[at].ended !== null && hops[at].ended <= t}`;
    if (key === this.pathKey) return;
    this.pathKey = key;
    this.paths.hidden = player.message === null;
    if (this.paths.hidden) return;
    const before = new Map([...this.paths.querySelectorAll(".chip")].map((chip) => [chip.textContent, chip.getBoundingClientRect()]));
    const hop = hops[at];
    const [row] = run.rowsOfMessage.get(player.message) || [];
    const head = make("h2", {}, `Message ${player.message}${row === undefined ? "" : ` to ${run.recipients.to[row]}`}`);
    if (!hop) {
      this.paths.replaceChildren(head, make("p", { class: "quiet" }, hops.length ? "not sent yet" : "it never leaves its host"));
      return;
    }
    const where = `hop ${at + 1} of ${hops.length}: ${run.hostName(hop.host)} → ${run.hostName(hop.peer)}`
      + `${hop.message === player.message ? "" : ` (notification ${hop.message})`}${hop.ended !== null && hop.ended <= t ? `, ${hop.outcome}` : ""}`;
    this.paths.replaceChildren(head, make("p", { class: "quiet" }, where), this._strip("reverse-path", hop.reverse),
      ...hop.forward.slice(0, 3).map((path) => this._strip("forward-path", path)),
      ...(hop.forward.length > 3 ? [make("p", { class: "quiet" }, `and ${hop.forward.length - 3} more forward-paths`)] : []));
    this._glide(before);
  }

  _strip(name, parts) {
    return make("p", { class: `strip ${name}` }, make("span", { class: "quiet" }, name),
      ...parts.map((part, k) => make("span", { class: `chip ${k === parts.length - 1 ? "mailbox" : ""}` }, part)));
  }

  /** Let chips that stood elsewhere glide from there: the route is seen to grow and to shrink. */
  _glide(before) {
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const chip of this.paths.querySelectorAll(".chip")) {
      const was = before.get(chip.textContent);
      if (!was) continue;
      const is = chip.getBoundingClientRect();
      const [dx, dy] = [was.left - is.left, was.top - is.top];
      if (dx || dy) chip.animate([{ transform: `translate(${dx}px, ${dy}px)` }, { transform: "none" }], { duration: 450, easing: "ease-in-out" });
    }
  }

  // -- the engines --------------------------------------------------------------------------------

  _engines(snapshot) {
    if (!this.states.sessions) {
      this.engines.replaceChildren(make("p", { class: "quiet" }, "This page holds too many events to show states and buffers; "
        + "the stepper (lab step) shows them."));
      return;
    }
    if (!snapshot) {
      this.engines.replaceChildren();
      return;
    }
    const [, sender, receiver, from, to] = snapshot;
    const sides = [sender, receiver].map((number) => this.states.sides[number]);
    this.engines.replaceChildren(this._diagram(sides), this._buffers(sides, [from, to]));
  }

  _diagram(sides) {
    const shape = (tag, attributes, ...children) => {
      const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
      for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
      element.append(...children);
      return element;
    };
    const [sender, receiver] = sides.map((texts) => texts[5]);
    const svg = shape("svg", { viewBox: "0 0 300 88", class: "diagram", role: "img",
      "aria-label": `States: the sender-SMTP is in ${sender}, the receiver-SMTP in ${receiver}` });
    for (const [a, b] of this.states.arrows) {
      const [[x0, y0], [x1, y1]] = [STATE_PLACES[a], STATE_PLACES[b]];
      const bend = y0 === y1 && Math.abs(x1 - x0) > 80 ? -26 : a === "data" || (b === "ready" && x0 > x1) ? 14 : 0;
      svg.append(shape("path", { class: "arrow", d: `M${x0} ${y0}Q${(x0 + x1) / 2} ${(y0 + y1) / 2 + bend} ${x1} ${y1}` }));
    }
    for (const [name, [x, y]] of Object.entries(STATE_PLACES)) {
      const here = name === sender || name === receiver;
      svg.append(shape("rect", { class: here ? "state here" : "state", x: x - 29, y: y - 12, width: 58, height: 24, rx: 5 }),
        shape("text", { x, y: y + 4 }, name));
    }
    const [sx, sy] = STATE_PLACES[sender] || STATE_PLACES.closed;
    const [rx, ry] = STATE_PLACES[receiver] || STATE_PLACES.closed;
    svg.append(shape("circle", { class: "token sender", cx: sx - 22, cy: sy - 11, r: 6.5 }), shape("text", { class: "in", x: sx - 22, y: sy - 8 }, "S"),
      shape("rect", { class: "token receiver", x: rx + 16, y: ry - 17, width: 12, height: 12 }), shape("text", { class: "in", x: rx + 22, y: ry - 8 }, "R"));
    return svg;
  }

  /** The three buffers of both sides, and what the last command did to them. */
  _buffers(sides, hosts) {
    const names = this.states.rows.slice(1, 4);
    const head = make("tr", {}, make("td"), ...["S sender", "R receiver"].map((words, k) => make("th", { scope: "col", title: this.run.hostName(hosts[k]) }, words, make("br"), ` ${this.run.hosts[hosts[k]]?.short ?? ""}`)));
    const body = names.map((name, k) => make("tr", {}, make("th", { scope: "row" }, name),
      ...sides.map((texts) => make("td", { class: texts[k + 1] === "empty" ? "empty" : "full", title: texts[k + 1] }, texts[k + 1]))));
    const did = sides[1][4] ? `${sides[1][4]}${sides[1][6] ? `: ${sides[1][6]}` : ""}` : "";
    return make("div", {}, make("table", { class: "buffers" }, make("thead", {}, head), make("tbody", {}, ...body)),
      make("p", { class: "did", title: did }, did));
  }
}
