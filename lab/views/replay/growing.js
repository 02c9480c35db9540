
// A run that grows while the page shows it: lab/views/replay/growing.py tells what is new. Every
// event has a place that stays, so what a view remembers of earlier ones stays true.

/** Add the events of a piece, and what was derived from them, to a run. */
function grow(run, piece) {
  const first = run.count;
  growLists(run, piece);
  growColumns(run, piece);
  for (let i = first; i < run.count; i += 1) happen(run, i);
  growSpools(run, piece, first);
  for (const [session, n] of piece.closed) close(run, session, n);
  for (const [n, name, by] of piece.tally) {
    run.tallies[name] ||= { at: [], count: [] };
    const { at, count } = run.tallies[name];
    at.push(n);
    count.push((count[count.length - 1] || 0) + by);
  }
  Object.assign(run.data.pace, piece.pace);
  if (piece.states && run.data.states.sessions) Object.assign(run.data.states.sessions, piece.states);
  if (piece.faults) growFaults(run, piece.faults);
}

/** Tables that are looked up by number: each only ever gets longer. */
function growLists(run, piece) {
  const { data } = run;
  const add = (list, added) => { for (const entry of added || []) list.push(entry); };
  add(data.strings, piece.strings);
  add(data.patterns, piece.patterns);
  add(data.wordings, piece.wordings);
  add(data.states.sides || [], piece.sides);
  add(run.ways, (piece.ways || []).map(([hosts, reached]) => ({ hosts, reached })));
  Object.assign(data.cut, piece.cut);
  for (const kind of piece.kinds.slice(run.kinds.length)) {
    run.kinds.push(kind);
    run.eventsByKind.push([]);
    run.leaves.push(data.leaves[kind] || null);
  }
  // hosts that no topology named: they have no place of their own
  for (const [name, key] of piece.hosts || []) {
    run.hosts.push({ name, short: name, kind: "host", about: "a host of elsewhere", load: 0, x: 0.5, y: 0 });
    for (const lists of [run.sessionsOf, run.drops]) lists.push([]);
    run.levels.push({ at: [], level: [] });
    data.conditions.names.push(name);
    data.conditions.keys.push(key);
  }
}

function growColumns(run, piece) {
  const first = run.count;
  const added = piece.t.length;
  const times = new Float64Array(added);
  let ticks = Math.round((first ? run.t[first - 1] : 0) * 1e6);
  piece.t.forEach((by, k) => { times[k] = (ticks += by) / 1e6; });
  const columns = { t: times, start: times, kind: piece.k, host: piece.h, peer: piece.p, session: piece.s, message: piece.m,
    rank: new Uint32Array(added) };
  for (const [name, values] of Object.entries(columns)) run[name] = longer(run[name], first, values);
  for (let i = first; i < first + added; i += 1) {
    const events = run.eventsByKind[run.kind[i]];
    run.rank[i] = events.length;
    events.push(i);
  }
  for (const [kind, values] of Object.entries(piece.words)) run.data.words[kind] = joined(run.data.words[kind], values, run, kind, piece);
  for (const [kind, columns] of Object.entries(piece.extra)) {
    const all = run.data.extra[kind] ||= {};
    for (const [name, { type, values }] of Object.entries(columns)) {
      all[name] = { type, values: joined(all[name]?.values, values, run, kind, piece) };
    }
  }
  run.count = first + added;
  run.last = run.t[run.count - 1];
}

/** A typed array with more values from a place on; it has room for as many again. */
function longer(array, place, values) {
  const length = place + values.length;
  let room = array.buffer;
  if (room.byteLength < length * array.BYTES_PER_ELEMENT) {
    const wide = new array.constructor(2 * length);
    wide.set(array);
    room = wide.buffer;
  }
  const all = new array.constructor(room, 0, length);
  all.set(values, place);
  return all;
}

/** A column of a kind with more values; one value for all places becomes a list. */
function joined(before, values, run, kind, piece) {
  const number = run.kinds.indexOf(kind);
  const added = piece.k.reduce((sum, k) => sum + (k === number), 0);
  const beforeCount = run.eventsOf(kind).length - added;
  const list = Array.isArray(before) ? before : Array(beforeCount).fill(before ?? null);
  for (let k = 0; k < added; k += 1) list.push(each(values, k));
  return list;
}

/** What each event is to be found by. */
function happen(run, i) {
  const kind = run.name(i);
  const since = run.leaves[run.kind[i]];
  if (since !== null) {
    run.start[i] = run.get(i, since);
    run.moving.push(i);
    run.flight.add(i - run.get(i, "after"), i);
  }
  if (kind === "deliver") run.drops[run.host[i]].push(i);
  if (kind === "open") open(run, i);
  run.sessions.get(run.session[i])?.events.push(i);
  if (run.eventsFailed && run.fails(i)) run.eventsFailed.push(i);
}

function open(run, i) {
  const session = { number: run.session[i], a: run.host[i], b: run.peer[i], way: run.wayOf(i), open: i, close: Infinity,
    ending: "", events: [], place: run.channels.length };
  run.sessions.set(session.number, session);
  run.sessionsOf[session.a].push(session);
  if (session.b !== session.a) run.sessionsOf[session.b].push(session);
  run.channels.push(session);
  run.open.add(i, Infinity);
}

function close(run, number, n) {
  const session = run.sessions.get(number);
  if (!session || session.close !== Infinity) return;
  Object.assign(session, { close: n, ending: run.get(n, "reason") });
  run.open.end(session.place, n);
}

function growSpools(run, piece, first) {
  for (const [queued, enter, recipients] of piece.entries) {
    run.entries.push({ host: run.host[queued], peer: run.peer[queued], message: run.message[queued],
      size: run.get(queued, "size"), recipients, enter, leave: Infinity, retries: [] });
    run.spool.add(enter, Infinity);
  }
  for (const [entry, n] of piece.left) {
    run.entries[entry].leave = n;
    run.spool.end(entry, n);
  }
  for (const [entry, n] of piece.retries) run.entries[entry].retries.push(n);
  const places = {};
  for (let i = first; i < run.count; i += 1) {
    const kind = run.name(i);
    const lengths = piece.lengths[kind];
    if (!lengths) continue;
    const by = lengths[places[kind] = (places[kind] ?? -1) + 1];
    if (by) for (const { at, level } of [run.levels[run.host[i]], run.total]) {
      level.push((level[level.length - 1] || 0) + by);
      at.push(i);
    }
  }
}

function growFaults(run, faults) {
  run.faults = faults.map((fault) => ({ ...fault, leave: fault.leave ?? Infinity }));
  run.failing = new Spans(run.faults.map((fault) => fault.enter), run.faults.map((fault) => fault.leave));
}

/** Take what all of the run so far makes of it: recipients, ways of messages, load of links, verdict. */
function lookBack(run, hindsight) {
  for (const name of ["verdict", "recipients", "hops", "notices", "notifications", "met", "lanes", "cuts"]) run.data[name] = hindsight[name];
  run.messageTexts = hindsight.strings;
  run.worst = null;
  run.waits = { lasting: hindsight.waits.lasting, skipped: hindsight.waits.skipped.map(([from, to]) => [from / 1e6, to / 1e6]) };
  hindsight.links.forEach(({ bytes, busy }, k) => Object.assign(run.links[k], { bytes, busy }));
  run.takeMessages();
}
