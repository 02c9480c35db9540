// A run as the player reads it: columns, and questions that are answered by looking up.
//
// What a trace means (words, spools, faults, outcomes, rows of a ladder) was worked out in Python
// and stands in the data. A question takes n, the number of events that have happened, or a time t
// in seconds. It is answered from what was sorted once when the page was opened: so the answer at n
// is the same however one came there, and costs the same at event 10 and at event 200,000.

/** The data of a page: an object as it is, or a text that is base64 of the deflated JSON. */
async function unpack(data) {
  if (typeof data !== "string") return data;
  const octets = fromBase64(data.trim());
  const plain = typeof DecompressionStream === "function"
    ? await decompress(octets)
    : inflate(octets); // a browser from before 2023
  return JSON.parse(new TextDecoder().decode(plain));
}

function fromBase64(text) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(text);
  const letters = atob(text); // a browser from before 2025
  const octets = new Uint8Array(letters.length);
  for (let i = 0; i < letters.length; i += 1) octets[i] = letters.charCodeAt(i);
  return octets;
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
 * Many spans on a line. Those that meet a part of the line are found in time proportional to their
 * number: spans of about the same length are kept together, sorted by their ends.
 */
class Spans {
  constructor(starts, ends) {
    this.starts = starts;
    this.ends = ends;
    const classes = new Map();
    for (let id = 0; id < ends.length; id += 1) {
      const power = powerOf(ends[id] - starts[id]);
      if (!classes.has(power)) classes.set(power, []);
      classes.get(power).push(id);
    }
    this.classes = [...classes].map(([power, ids]) => {
      ids.sort((a, b) => ends[a] - ends[b] || a - b);
      return { power, longest: 2 ** (power + 1), ids, ends: ids.map((id) => ends[id]) };
    });
    this.lasting = new Set(); // spans that were added and have no end yet
  }

  /** Add a span, which ends at `end`, after all that have an end; or lasts, if that is Infinity. */
  add(start, end) {
    this.starts.push(start);
    this.ends.push(end);
    if (end === Infinity) this.lasting.add(this.ends.length - 1);
    else this._place(this.ends.length - 1);
  }

  /** End a span that lasts. */
  end(id, end) {
    this.lasting.delete(id);
    this.ends[id] = end;
    this._place(id);
  }

  _place(id) {
    const power = powerOf(this.ends[id] - this.starts[id]);
    let spans = this.classes.find((spansOfPower) => spansOfPower.power === power);
    if (!spans) this.classes.push(spans = { power, longest: 2 ** (power + 1), ids: [], ends: [] });
    spans.ids.push(id);
    spans.ends.push(this.ends[id]);
  }

  /** The spans that end at `low` or later and begin at `high` or earlier, in the order of their ids. */
  meeting(low, high) {
    const idsFound = [];
    for (const { longest, ids, ends } of this.classes) {
      for (let i = countTo(ends, low, true); i < ids.length && ends[i] <= high + longest; i += 1) {
        if (this.starts[ids[i]] <= high) idsFound.push(ids[i]);
      }
    }
    for (const id of this.lasting) if (this.starts[id] <= high) idsFound.push(id);
    return idsFound.sort((a, b) => a - b);
  }
}

/** The power of two below a length: spans of the same are kept together. */
const powerOf = (length) => (length > 0 ? Math.max(-40, Math.floor(Math.log2(length))) : -40);

/** A run: its events by number from 0, and what each host, session and message was at event n. */
class Run {
  constructor(data) {
    this.data = data;
    this.hosts = data.hosts;
    this.links = data.links;
    this.kinds = data.kinds;
    this.count = data.t.length;
    this.ways = data.ways.map(([hosts, reached]) => ({ hosts, reached }));
    this._columns(data);
    this.eventsByKind = this.kinds.map(() => []);
    for (let i = 0; i < this.count; i += 1) this.eventsByKind[this.kind[i]].push(i);
    this.failures = new Set(data.failures);
    this.crossed = new Set(data.crossed);
    this.crossings = new Set(data.crossings);
    this._sessions();
    this._spools();
    this._lengths();
    this._tallies();
    this.drops = this.hosts.map(() => []);
    for (const i of this.eventsOf("deliver")) this.drops[this.host[i]].push(i);
    this.faults = data.faults;
    this.waits = { lasting: data.waits.lasting,
      skipped: data.waits.skipped.map(([from, to]) => [from / 1e6, to / 1e6]) };
    this._index();
    this.takeMessages();
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
    this.leaves = this.kinds.map((kind) => data.leaves[kind] || null);
    const ranks = this.kinds.map(() => 0);
    let ticks = 0;
    for (let i = 0; i < n; i += 1) {
      ticks += data.t[i];
      this.t[i] = ticks / 1e6;
      this.rank[i] = ranks[this.kind[i]];
      ranks[this.kind[i]] += 1;
    }
    for (let i = 0; i < n; i += 1) {
      const since = this.leaves[this.kind[i]];
      this.start[i] = since === null ? this.t[i] : this.get(i, since);
    }
    this.last = n ? this.t[n - 1] : 0;
  }

  /** The kind of event i. */
  name(i) { return this.kinds[this.kind[i]]; }

  /** The numbers of the events of a kind. */
  eventsOf(kind) { return this.eventsByKind[this.kinds.indexOf(kind)] || []; }

  /** The name of the host with that number; "" for none. */
  hostName(number) { return this.hosts[number] ? this.hosts[number].name : ""; }

  /** What event i holds under that name: a text, a number (seconds, for times), a list. */
  get(i, name) {
    const column = (this.data.extra[this.name(i)] || {})[name];
    if (!column) return null;
    const value = each(column.values, this.rank[i]);
    if (value === null) return null;
    if (column.type === "text") return this.data.strings[value];
    if (column.type === "json") return JSON.parse(this.data.strings[value]);
    if (column.type === "before") return (Math.round(this.t[i] * 1e6) - value) / 1e6;
    return value;
  }

  /** How many octets of event i's text the page does not hold. */
  missing(i) {
    const column = (this.data.extra[this.name(i)] || {}).octets;
    return (column && this.data.cut[column.values[this.rank[i]]]) || 0;
  }

  // -- words, as Python has them -----------------------------------------------------------------

  /** Event i in a sentence. */
  sentence(i) { return this._filled(this._wording(i)[0], i); }

  /** The kind of row of a ladder that event i is; "" for none. */
  rowKind(i) { return this._wording(i)[1]; }

  /** What the row of a ladder says that event i is. */
  rowText(i) { return this._filled(this._wording(i)[2], i); }

  /** The verb of a command, the code of a reply, "mail" for mail data. */
  tag(i) { return this._wording(i)[3]; }

  /** Whether event i is an arrow of a ladder: something that crossed from its peer to its host. */
  rowCrosses(i) { return this.crossings.has(this.rowKind(i)); }

  /** Whether event i is a failure. */
  fails(i) { return this.failures.has(this.rowKind(i)); }

  /** Whether the map has a cross for event i. */
  isCrossed(i) { return this.crossed.has(this.rowKind(i)); }

  /** The lines of what crossed the wire with event i, or was delivered. */
  lines(i) { return (this.get(i, "octets") || "").split("\n"); }

  _wording(i) { return this.data.wordings[each(this.data.words[this.name(i)], this.rank[i])]; }

  /** A pattern with the numbers in it filled in: host, peer, session, message, octets of event i. */
  _filled(pattern, i) {
    const fields = [() => this.hostName(this.host[i]), () => this.hostName(this.peer[i]),
      () => this.session[i], () => this.message[i], () => this.get(i, "octets")];
    return this.data.patterns[pattern]
      .map((part) => (typeof part === "number" ? fields[part]() : part)).join("");
  }

  // -- what is sorted when the page is opened ----------------------------------------------------

  _sessions() {
    this.sessions = new Map();
    this.sessionsOf = this.hosts.map(() => []);
    this.eventsOf("open").forEach((i, k) => {
      const until = this.data.sessions[k];
      const session = { number: this.session[i], a: this.host[i], b: this.peer[i],
        way: this.wayOf(i), open: i, close: until < 0 ? this.count : i + until,
        ending: until < 0 ? "" : this.get(i + until, "reason"), events: [] };
      this.sessions.set(session.number, session);
      this.sessionsOf[session.a].push(session);
      if (session.b !== session.a) this.sessionsOf[session.b].push(session);
    });
    for (let i = 0; i < this.count; i += 1) {
      const session = this.sessions.get(this.session[i]);
      if (session) session.events.push(i);
    }
  }

  _spools() {
    const { until, parts, retries } = this.data.spools;
    const entry = (queued, enter, leave, recipients) => ({ host: this.host[queued],
      peer: this.peer[queued], message: this.message[queued], size: this.get(queued, "size"),
      recipients, enter, leave });
    this.entries = this.eventsOf("queue").map((i, k) => entry(i, i,
      until[k] < 0 ? this.count : i + until[k], this.get(i, "recipients")));
    for (const part of parts) this.entries.push(entry(...part));
    this.entries.forEach((mail, k) => { mail.retries = retries[k] || []; });
  }

  /** For each host, and for all of them, the numbers of the events at which spools changed, and
   * their length from then. */
  _lengths() {
    this.levels = this.hosts.map(() => ({ at: [], level: [] }));
    this.total = { at: [], level: [] };
    for (let i = 0; i < this.count; i += 1) {
      const by = each(this.data.lengths[this.name(i)], this.rank[i]);
      if (!by) continue;
      for (const { at, level } of [this.levels[this.host[i]], this.total]) {
        level.push((level.length ? level[level.length - 1] : 0) + by);
        at.push(i);
      }
    }
  }

  /** For each outcome the numbers of the events that changed its count, and the count from then. */
  _tallies() {
    this.tallies = {};
    for (const [name, { events, counts }] of Object.entries(this.data.tally)) {
      let [at, sum] = [0, 0];
      this.tallies[name] = {
        at: events.map((step) => (at += step)),
        count: events.map((_, k) => (sum += each(counts, k))),
      };
    }
  }

  _index() {
    const spans = (all, low, high) => new Spans(all.map((x) => x[low]), all.map((x) => x[high]));
    this.spool = spans(this.entries, "enter", "leave");
    this.channels = [...this.sessions.values()];
    this.open = spans(this.channels, "open", "close");
    this.failing = spans(this.faults, "enter", "leave");
    this.moving = [];
    for (let i = 0; i < this.count; i += 1) if (this.leaves[this.kind[i]]) this.moving.push(i);
    this.flight = new Spans(this.moving.map((i) => i - this.get(i, "after")), this.moving.slice());
  }

  /** The recipients, in columns, with their phases; and the hops of each message. */
  takeMessages() {
    const columns = this.data.recipients;
    const texts = (numbers) => numbers.map((number) => this._textOf(number));
    this.recipients = { count: columns.message.length, message: columns.message, from: texts(columns.from),
      to: texts(columns.to), outcome: columns.outcome.map((name) => columns.outcomes[name]),
      at: columns.at.map((t) => t / 1e6),
      took: columns.took.map((t, k) => Math.max(0, (t < 0 ? columns.until - columns.at[k] : t) / 1e6)),
      ended: columns.took.map((t) => t >= 0) };
    this.rowsOfMessage = new Map();
    columns.message.forEach((message, k) => {
      if (!this.rowsOfMessage.has(message)) this.rowsOfMessage.set(message, []);
      this.rowsOfMessage.get(message).push(k);
    });
    this.routes = new Map();
    for (const { hosts } of this.ways) {
      this.routes.set(`${hosts[0]}-${hosts[hosts.length - 1]}`, hosts);
      const back = `${hosts[hosts.length - 1]}-${hosts[0]}`;
      if (!this.routes.has(back)) this.routes.set(back, [...hosts].reverse());
    }
  }

  /** A text about recipients; of a run that grows, these have a table of their own. */
  _textOf(number) { return (this.messageTexts || this.data.strings)[number]; }

  /** Whether a recipient comes to its end after what the page plays of the run. */
  endsLater(row) { return this.recipients.at[row] + this.recipients.took[row] > this.last + 1e-3; }

  /** The phases of a recipient: name, host, peer, why, and from when to when, in seconds. */
  phasesOf(row) {
    const numbers = this.data.recipients.spent[row];
    const names = this.data.recipients.phases;
    const phases = [];
    let at = this.data.recipients.at[row];
    for (let k = 0; k < numbers.length; k += 5) {
      phases.push({ name: names[numbers[k]], host: numbers[k + 1], peer: numbers[k + 2],
        why: this._textOf(numbers[k + 3]), from: at / 1e6, to: (at += numbers[k + 4]) / 1e6 });
    }
    return phases;
  }

  /** The phase that took most of a recipient's time; "" if nothing took time. */
  worstOf(row) {
    if (!this.worst) {
      const names = this.data.recipients.phases;
      this.worst = this.data.recipients.spent.map((numbers) => {
        const spent = names.map(() => 0);
        for (let k = 0; k < numbers.length; k += 5) spent[numbers[k]] += numbers[k + 4];
        const most = Math.max(...spent);
        return most > 0 ? names[spent.indexOf(most)] : "";
      });
    }
    return this.worst[row];
  }

  /** The hops of a message, and those of the notification about it; none for null. */
  hopsOf(message) {
    const numbers = [message, ...(this.data.notifications[message] || [])];
    const time = (t) => (t < 0 ? null : t / 1e6);
    const path = (parts) => parts.map((number) => this._textOf(number));
    return numbers.flatMap((number) => (this.data.hops[number] || []).map(
      ([host, peer, queued, crossed, ended, outcome, reverse, forward]) => ({ message: number, host, peer,
        queued: queued / 1e6, crossed: time(crossed), ended: time(ended), outcome,
        reverse: path(reverse), forward: forward.map(path) })));
  }

  /** The hosts and routers from a host to another, as channels between the two went. */
  routeOf(host, peer) { return this.routes.get(`${host}-${peer}`) || [host, peer]; }

  /** The numbers of the events that failed. */
  get failed() {
    if (!this.eventsFailed) {
      this.eventsFailed = [];
      for (let i = 0; i < this.count; i += 1) if (this.fails(i)) this.eventsFailed.push(i);
    }
    return this.eventsFailed;
  }

  // -- questions ---------------------------------------------------------------------------------

  /** How many events have happened by t. */
  eventsBy(t) { return countTo(this.t, t); }

  /** How many messages lie in a host's spool. */
  spoolLength(n, host) { return this._level(n, this.levels[host] || { at: [] }); }

  /** How many messages lie in all spools, each counted once at each host. */
  spooled(n) { return this._level(n, this.total); }

  _level(n, { at, level }) {
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
    const made = countTo(entry.retries, n - 1);
    return made ? this.get(entry.retries[made - 1], "retry_at") : null;
  }

  /** The deliveries to a host's mail drops. */
  dropsOf(n, host) {
    const drops = this.drops[host] || [];
    return drops.slice(0, countTo(drops, n - 1));
  }

  /** The sessions that are open. */
  sessionsAt(n) { return this.open.meeting(n, n - 1).map((id) => this.channels[id]); }

  /** The sessions that a host has opened or been offered. */
  sessionsBy(n, host) {
    const all = this.sessionsOf[host] || [];
    return all.slice(0, countTo(all.map((session) => session.open), n - 1));
  }

  /** The faults that last. */
  faultsAt(n) { return this.failing.meeting(n, n - 1).map((id) => this.faults[id]); }

  /** The faults that last at a host, or on a link of it. */
  faultsOf(n, host) {
    return this.faultsAt(n).filter((fault) => fault.places.some((ends) => ends.includes(host)));
  }

  /** What is on its way at t: numbers of events that have not happened yet, of what has left. */
  flightAt(n, t) {
    return this.flight.meeting(n, n).map((id) => this.moving[id]).filter((i) => this.start[i] <= t);
  }

  /** The share of its time on the way that what arrives with event i has had by t. */
  shareOf(i, t) {
    const lasting = this.t[i] - this.start[i];
    return lasting > 0 ? Math.min(1, Math.max(0, (t - this.start[i]) / lasting)) : 1;
  }

  /** The way of what arrives with event i: hosts, and the shares of the time to each of them. */
  wayOf(i) { return this.ways[this.get(i, "way")]; }

  /** What has become of the mail by event n: recipients, by outcome. */
  tally(n) {
    const count = (name) => {
      const { at, count: counts } = this.tallies[name] || { at: [] };
      const changes = countTo(at, n - 1);
      return changes ? counts[changes - 1] : 0;
    };
    const names = ["submitted", "delivered", "returned", "rejected"];
    return Object.fromEntries(names.map((name) => [name, count(name)]));
  }

  /** Which events belong to the ladder "all", "host:3", "message:1" or "session:2". */
  belongsTo(scope) {
    const [kind, number] = [scope.split(":")[0], Number(scope.split(":")[1])];
    if (kind === "host") return (i) => this.host[i] === number || this.peer[i] === number;
    if (kind === "session") return (i) => this.session[i] === number;
    if (kind !== "message") return () => true;
    const messages = new Set([number, ...(this.data.notifications[number] || [])]);
    const sessions = new Set();
    for (const message of messages) {
      let session = 0;
      for (const step of this.data.met[message] || []) sessions.add(session += step);
    }
    return (i) => messages.has(this.message[i])
      || (this.message[i] < 0 && sessions.has(this.session[i]));
  }

  /** The events that are rows of the ladder of a scope; a session that ends as it should is none. */
  rowsOf(scope) {
    const belongs = this.belongsTo(scope);
    const rows = [];
    for (let i = 0; i < this.count; i += 1) if (belongs(i) && this.isRow(i)) rows.push(i);
    return rows;
  }

  /** Whether a ladder has a row for event i. */
  isRow(i) {
    const kind = this.rowKind(i);
    return kind !== "" && kind !== "close" && this.host[i] >= 0;
  }

  /** The state of the run at event n, as plain data. */
  stateAt(n, t) {
    const spool = this.spoolOf(n).map((entry) => [this.hostName(entry.host),
      this.hostName(entry.peer), entry.message, [...entry.recipients].sort()]);
    return {
      spool: spool.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1)),
      lengths: this.hosts.map((_, host) => this.spoolLength(n, host)),
      drops: this.hosts.map((_, host) => this.dropsOf(n, host).length),
      sessions: this.sessionsAt(n).map((session) => session.number),
      faults: this.faultsAt(n).map((fault) => [fault.name, this.hostName(fault.host)]),
      flight: this.flightAt(n, t),
      tally: this.tally(n),
    };
  }
}

/** The value at a place of a column, which may be one value for all places. */
function each(column, place) { return Array.isArray(column) ? column[place] : column; }
