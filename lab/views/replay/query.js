// Questions to the table of messages: "to:galois outcome:returned >30s via:HUB". All words must hold.

const UNIT_SECONDS = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400 };
const QUERY_WORDS = ["from:", "to:", "via:", "outcome:", "phase:", "message:", ">30s", "<1s"];

/** The tests of a query, each a function of a recipient's number; a word that is wrong is named. */
function parseQuery(run, text) {
  const tests = [];
  const wrong = [];
  for (const word of text.trim().split(/\s+/).filter(Boolean)) {
    const test = queryWord(run, word.replace(/^-(?=.)/, ""));
    if (test === null) wrong.push(word);
    else tests.push(word.startsWith("-") && word.length > 1 ? (row) => !test(row) : test);
  }
  return { tests, wrong };
}

function queryWord(run, word) {
  const { recipients } = run;
  const length = /^([<>])(=?)(\d+(?:\.\d+)?)(us|ms|s|min|h|d)?$/.exec(word);
  if (length) {
    const seconds = Number(length[3]) * UNIT_SECONDS[length[4] || "s"];
    if (length[1] === ">") return (row) => recipients.took[row] > seconds || (length[2] === "=" && recipients.took[row] === seconds);
    return (row) => recipients.took[row] < seconds || (length[2] === "=" && recipients.took[row] === seconds);
  }
  const [, name, value] = /^(?:([a-z]+):)?(.*)$/s.exec(word);
  const letters = value.toLowerCase();
  const holds = (text) => text.toLowerCase().includes(letters);
  switch (name) {
    case undefined: return (row) => holds(recipients.from[row]) || holds(recipients.to[row]);
    case "from": return (row) => holds(recipients.from[row]);
    case "to": return (row) => holds(recipients.to[row]);
    case "outcome": return (row) => recipients.outcome[row].startsWith(letters);
    case "phase": return (row) => run.worstOf(row).startsWith(letters);
    case "message": return (row) => String(recipients.message[row]) === value;
    case "via": return viaTest(run, letters);
    default: return null;
  }
}

/** Whether the mail for a recipient came by a host whose name begins so. */
function viaTest(run, letters) {
  const hosts = new Set(run.hosts.map((host, k) => (host.name.toLowerCase().startsWith(letters) ? k : -1)));
  const known = new Map();
  return (row) => {
    const message = run.recipients.message[row];
    if (!known.has(message)) {
      const hops = run.data.hops[message] || [];
      known.set(message, hops.some(([host, peer]) => hosts.has(host) || hosts.has(peer)));
    }
    return known.get(message);
  };
}

/** What may follow what has been typed: the whole text of each. */
function completions(run, text) {
  const [, before, last] = /^(.*?)(\S*)$/s.exec(text);
  const minus = last.startsWith("-") ? "-" : "";
  const word = last.slice(minus.length);
  const [name, value] = word.includes(":") ? word.split(":", 2) : ["", word];
  const offered = (values) => [...new Set(values.filter((term) => term.toLowerCase().includes(value.toLowerCase())))]
    .slice(0, 12).map((term) => `${before}${minus}${name}:${term}`);
  const { recipients } = run;
  if (name === "from" || name === "to") return offered(recipients[name]);
  if (name === "via") return offered(run.hosts.map((host) => host.name));
  if (name === "outcome") return offered(run.data.recipients.outcomes);
  if (name === "phase") return offered(run.data.recipients.phases);
  return QUERY_WORDS.filter((term) => term.startsWith(word)).map((term) => before + minus + term);
}
