// What a run left, as the player reads it: columns, and questions that are answered by looking up.
//
// Every question takes n, the number of events that have happened, or a time t in seconds, and is
// answered from what was sorted once when the page was opened: so the answer at n is the same
// however one came there, and costs the same at event 10 and at event 200,000.

/** The data of a page: an object as it is, or a text that is base64 of the deflated JSON. */
async function unpack(data) {
  if (typeof data !== "string") return data;
  const letters = atob(data.trim());
  const octets = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) octets[i] = letters.charCodeAt(i);
  const plain = typeof DecompressionStream === "function"
    ? await decompress(octets)
    : inflate(octets); // a browser from before 2023
  return JSON.parse(new TextDecoder().decode(plain));
}

async function decompress(octets) {
  const stream = new Blob([octets]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** How many of a sorted list's values are at most x (below it, where `strictly`). */
function countTo(sorted, x, strictly = false) {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (strictly ? sorted[middle] < x : sorted[middle] <= x) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * Many spans of one line, of which those that meet a stretch of it are found in time proportional
 * to the answer: spans of about the same length lie together, sorted by their ends.
 */
class Spans {
  constructor(starts, ends) {
    this.starts = starts;
    this.ends = ends;
    const classes = new Map();
    for (let id = 0; id < ends.length; id += 1) {
      const length = ends[id] - starts[id];
      const power = length > 0 ? Math.max(-40, Math.floor(Math.log2(length))) : -40;
      if (!classes.has(power)) classes.set(power, []);
      classes.get(power).push(id);
    }
    this.classes = [...classes].map(([power, ids]) => {
      ids.sort((a, b) => ends[a] - ends[b] || a - b);
      return { longest: 2 ** (power + 1), ids, ends: Float64Array.from(ids, (id) => ends[id]) };
    });
  }

  /** Those that end at `low` or after and begin at `high` or before, in the order of their ids. */
  meeting(low, high) {
    const found = [];
    for (const { longest, ids, ends } of this.classes) {
      for (let i = countTo(ends, low, true); i < ids.length && ends[i] <= high + longest; i += 1) {
        if (this.starts[ids[i]] <= high) found.push(ids[i]);
      }
    }
    return found.sort((a, b) => a - b);
  }
}

const WIRE = new Set(["command", "reply", "data"]);
const LASTING = new Set(["link-down", "host-down", "crash", "partition", "loss", "latency", "busy",
  "storage-full", "refuse", "clock-skew"]);

/** A run: its events by number from 0, and what each host, session and message was at event n. */
class Run {
  constructor(data) {
    this.data = data;
    this.hosts = data.hosts;
    this.links = data.links;
    this.kinds = data.kinds;
    this.count = data.t.length;
    this.numbers = new Map(data.hosts.map((host, k) => [host.name, k]));
    this._columns(data);
    this.sessions = new Map();
    this.messages = new Map();
    this.drops = this.hosts.map(() => []);
    this.sessionsOf = this.hosts.map(() => []);
    this.entries = [];
    this.faults = [];
    this.deferrals = new Map();
    this.tallies = { submitted: [], delivered: [], returned: [], rejected: [], notices: [] };
    this.waiting = new Map();
    this.striking = new Map();
    this.seen = new Set();
    for (let i = 0; i < this.count; i += 1) this._take(i);
    this._index();
  }

  _columns(data) {
    const n = this.count;
    this.t = new Float64Array(n);
    this.start = new Float64Array(n);
    this.rank = new Uint32Array(n);
    this.kind = Uint8Array.from(data.k);
    this.host = Int32Array.from(data.h);
    this.peer = Int32Array.from(data.p);
    this.session = Int32Array.from(data.s);
    this.message = Int32Array.from(data.m);
    const ranks = this.kinds.map(() => 0);
    let ticks = 0;
    for (let i = 0; i < n; i += 1) {
      ticks += data.t[i];
      this.t[i] = ticks / 1e6;
      this.rank[i] = ranks[this.kind[i]];
      ranks[this.kind[i]] += 1;
    }
    for (let i = 0; i < n; i += 1) {
      const name = this.name(i);
      const since = WIRE.has(name) ? "sent" : name === "open" ? "started" : null;
      this.start[i] = since === null ? this.t[i] : this.get(i, since);
    }
    this.last = n ? this.t[n - 1] : 0;
  }

  /** The kind of event i. */
  name(i) { return this.kinds[this.kind[i]]; }

  /** The name of the host with that number; "" for none. */
  hostName(number) { return number < 0 ? "" : this.hosts[number].name; }

  /** What event i holds under that name: a text, a number (seconds, for times), a list. */
  get(i, name) {
    const column = (this.data.extra[this.name(i)] || {})[name];
    if (!column) return null;
    const value = column.values[this.rank[i]];
    if (value === null) return null;
    if (column.type === "text") return this.data.strings[value];
    if (column.type === "json") return JSON.parse(this.data.strings[value]);
    if (column.type === "before") return (Math.round(this.t[i] * 1e6) - value) / 1e6;
    return value;
  }

  /** How many octets of event i's text the page does not hold. */
  missing(i, name = "octets") {
    const column = (this.data.extra[this.name(i)] || {})[name];
    const whole = column && this.data.cut[column.values[this.rank[i]]];
    return whole ? whole - this.get(i, name).length : 0;
  }

  // -- one pass over the events when the page is opened ------------------------------------------

  _take(i) {
    const message = this.message[i];
    if (message >= 0 && !this.messages.has(message)) this.messages.set(message, { first: i });
    const take = this[`_${this.name(i)}`];
    if (take) take.call(this, i);
    const session = this.sessions.get(this.session[i]);
    if (session) session.events.push(i);
  }

  _submit(i) {
    for (const _ of this.get(i, "recipients")) this.tallies.submitted.push(i);
  }

  _reject(i) { this.tallies.rejected.push(i); }

  _expand(i) {
    // a list stands for its members from here: one recipient less, and each member one more
    const members = this.get(i, "members").length;
    for (let k = 1; k < members; k += 1) this.tallies.submitted.push(i);
  }

  _queue(i) {
    const ids = this.get(i, "recipients");
    this._leave(i, this.host[i], this.message[i], ids);
    this._enter(i, { host: this.host[i], peer: this.peer[i], message: this.message[i],
      recipients: ids, since: i, size: this.get(i, "size") });
  }

  _enter(i, entry) {
    const key = `${entry.host}/${entry.message}`;
    const made = { ...entry, enter: i, leave: this.count };
    this.entries.push(made);
    if (!this.waiting.has(key)) this.waiting.set(key, []);
    this.waiting.get(key).push(made);
  }

  /** Some recipients' mail is no longer in a host's spool; what was there for others stays. */
  _leave(i, host, message, ids) {
    const key = `${host}/${message}`;
    const here = this.waiting.get(key);
    if (!here) return;
    const gone = (entry) => !ids || entry.recipients.some((one) => ids.includes(one));
    this.waiting.set(key, here.filter((entry) => !gone(entry)));
    for (const entry of here.filter(gone)) {
      entry.leave = i;
      const rest = ids ? entry.recipients.filter((one) => !ids.includes(one)) : [];
      if (rest.length) this._enter(i, { ...entry, recipients: rest });
    }
  }

  _transfer(i) { this._leave(i, this.host[i], this.message[i], this.get(i, "recipients")); }

  _refuse(i) { this._transfer(i); }

  _forget(i) { this._transfer(i); }

  _abandon(i) { this._leave(i, this.host[i], this.message[i], null); }

  _forward(i) {
    if (this.get(i, "mode") === "redirect") {
      this._leave(i, this.host[i], this.message[i], [this.get(i, "recipient")]);
    }
  }

  _notify(i) {
    const about = this.get(i, "about");
    const ids = this.get(i, "recipients");
    this.messages.get(this.message[i]).about = about;
    this.messages.get(this.message[i]).recipients = ids.length;
    this._leave(i, this.host[i], about, ids);
    this.tallies.notices.push(i);
  }

  _defer(i) {
    const key = `${this.host[i]}/${this.message[i]}`;
    if (!this.deferrals.has(key)) this.deferrals.set(key, []);
    this.deferrals.get(key).push(i);
  }

  _deliver(i) {
    this.drops[this.host[i]].push(i);
    this._reached(i);
  }

  _terminal(i) { this._reached(i); }

  _reached(i) {
    const key = `${this.message[i]}/${this.get(i, "recipient")}`;
    if (this.seen.has(key)) return; // a duplicate, or shown on the terminal as well
    this.seen.add(key);
    const { about, recipients } = this.messages.get(this.message[i]);
    if (about === undefined) this.tallies.delivered.push(i);
    else for (let k = 0; k < recipients; k += 1) this.tallies.returned.push(i);
  }

  _open(i) {
    const path = this.get(i, "path").map((name) => this.numbers.get(name));
    const session = { number: this.session[i], a: this.host[i], b: this.peer[i],
      path: path.filter((host) => host !== undefined), open: i, close: this.count, reason: "",
      events: [] };
    this.sessions.set(session.number, session);
    this.sessionsOf[session.a].push(session);
    if (session.b !== session.a) this.sessionsOf[session.b].push(session);
  }

  _close(i) {
    const session = this.sessions.get(this.session[i]);
    if (!session) return;
    session.close = i;
    session.reason = this.get(i, "reason") || "";
  }

  _fault(i) {
    const fault = { name: this.get(i, "name"), what: this.get(i, "what") || "",
      host: this.host[i], peer: this.peer[i], enter: i, leave: this.count };
    const key = JSON.stringify([fault.name, fault.what, fault.host, fault.peer]);
    if (this.get(i, "on")) {
      this.striking.set(key, fault);
      if (LASTING.has(fault.name)) this.faults.push(fault);
    } else if (this.striking.has(key)) {
      this.striking.get(key).leave = i;
      this.striking.get(key).mended = true;
    }
  }

  _index() {
    // a crash that is never mended was over at once: the host started again
    for (const fault of this.faults) {
      if (fault.name === "crash" && !fault.mended) fault.leave = fault.enter + 1;
    }
    const spans = (all, low, high) => new Spans(all.map((x) => x[low]), all.map((x) => x[high]));
    this.spool = spans(this.entries, "enter", "leave");
    this.channels = [...this.sessions.values()];
    this.open = spans(this.channels, "open", "close");
    this.troubles = spans(this.faults, "enter", "leave");
    this.moving = [];
    for (let i = 0; i < this.count; i += 1) {
      if (this.start[i] < this.t[i]) this.moving.push(i);
    }
    const at = (column) => Float64Array.from(this.moving, (i) => column[i]);
    this.flight = new Spans(at(this.start), at(this.t));
    this.waiting = this.striking = this.seen = null;
    this._levels();
  }

  /** For each host the numbers of the events at which its spool changed, and its length from then. */
  _levels() {
    const changes = this.hosts.map(() => new Map());
    const change = (host, i, by) => changes[host].set(i, (changes[host].get(i) || 0) + by);
    for (const entry of this.entries) {
      change(entry.host, entry.enter, 1);
      if (entry.leave < this.count) change(entry.host, entry.leave, -1);
    }
    this.levels = changes.map((map) => {
      const at = [...map.keys()].sort((a, b) => a - b);
      let level = 0;
      return { at, level: at.map((i) => (level += map.get(i))) };
    });
  }

  // -- questions ---------------------------------------------------------------------------------

  /** How many events have happened by t. */
  eventsBy(t) { return countTo(this.t, t); }

  /** How much mail lies in a host's spool. */
  spoolLength(n, host) {
    const { at, level } = this.levels[host];
    const changes = countTo(at, n - 1);
    return changes ? level[changes - 1] : 0;
  }

  /** The mail in the spools of all hosts, or of one. */
  spoolOf(n, host = null) {
    const all = this.spool.meeting(n, n - 1).map((id) => this.entries[id]);
    return host === null ? all : all.filter((entry) => entry.host === host);
  }

  /** When mail in a spool is to be tried again; null where it was not put off. */
  retryAt(n, entry) {
    const put = this.deferrals.get(`${entry.host}/${entry.message}`) || [];
    const made = countTo(put, n - 1);
    return made && put[made - 1] >= entry.since ? this.get(put[made - 1], "retry_at") : null;
  }

  /** The deliveries to a host's mail drops. */
  dropsOf(n, host) { return this.drops[host].slice(0, countTo(this.drops[host], n - 1)); }

  /** The sessions that are open. */
  sessionsAt(n) { return this.open.meeting(n, n - 1).map((id) => this.channels[id]); }

  /** The sessions that a host has opened or been offered. */
  sessionsBy(n, host) {
    const all = this.sessionsOf[host];
    return all.slice(0, countTo(all.map((one) => one.open), n - 1));
  }

  /** The faults that last. */
  faultsAt(n) { return this.troubles.meeting(n, n - 1).map((id) => this.faults[id]); }

  /** What is on the wire at t: numbers of events that have not happened yet, but were sent. */
  flightAt(n, t) {
    return this.flight.meeting(t, t).map((id) => this.moving[id]).filter((i) => i >= n);
  }

  /** What has become of the mail by event n: recipients, and notifications written. */
  tally(n) {
    return Object.fromEntries(
      Object.entries(this.tallies).map(([name, list]) => [name, countTo(list, n - 1)]));
  }

  /** The path of event i over the map, from where it was sent, as numbers of hosts. */
  pathOf(i) {
    const session = this.sessions.get(this.session[i]);
    if (!session || session.path.length < 2) return [this.peer[i], this.host[i]];
    const from = this.name(i) === "open" ? this.host[i] : this.peer[i];
    return session.path[0] === from ? session.path : [...session.path].reverse();
  }

  /** All that is so at event n, as plain data. */
  stateAt(n, t) {
    const spool = this.spoolOf(n).map((entry) => [this.hostName(entry.host),
      this.hostName(entry.peer), entry.message, [...entry.recipients].sort()]);
    return {
      spool: spool.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      drops: this.hosts.map((_, host) => this.dropsOf(n, host).length),
      sessions: this.sessionsAt(n).map((session) => session.number),
      faults: this.faultsAt(n).map((fault) => [fault.name, this.hostName(fault.host)]),
      flight: this.flightAt(n, t),
      tally: this.tally(n),
    };
  }
}
