// Conditions on an event, as lab/analysis/conditions.py reads them: "reply 550", "host B stores".

const EXAMPLES_OF_CONDITIONS = "reply 550, host B stores, command DATA, message 2, at 12.5 s";
const FILLERS = new Set(["and", "is", "says", "code"]);
const REPLY_CODE = /^[1-5](\d\d|\dz|yz)$/;
const CONDITION_UNITS = { us: 1e-6, ms: 1e-3, s: 1, min: 60, h: 3600, d: 86400 };

/** The test of a condition, a function of an event's number; an Error in a sentence if it is none. */
function parseCondition(run, text) {
  let words = (text.match(/"[^"]*"|'[^']*'|\S+/g) || []).map((word) => word.replace(/^(["'])(.*)\1$/s, "$2"));
  if (words.length === 1) words = words[0].split(/\s+/).filter(Boolean);
  if (!words.length) throw new Error(`write a condition such as ${EXAMPLES_OF_CONDITIONS}`);
  const tests = [];
  while (words.length) tests.push(conditionWord(run, words));
  return (i) => tests.every((test) => test(i));
}

function conditionWord(run, words) {
  const word = words.shift();
  const low = word.toLowerCase();
  const { verbs, commands, kinds } = run.data.conditions;
  if (FILLERS.has(low)) return () => true;
  const withValue = CONDITION_VALUES[low];
  if (withValue) {
    while (words.length && ["code", "is"].includes(words[0].toLowerCase())) words.shift();
    if (words.length) return withValue(run, words);
    if (kinds.includes(low)) return ofKind(run, low);
    throw new Error(`${word} requires a value; write a condition such as ${EXAMPLES_OF_CONDITIONS}`);
  }
  if (commands.includes(word.toUpperCase())) return CONDITION_VALUES.command(run, [word]);
  if (low === "crashes") {
    const crashes = new Set(run.faults.filter((fault) => fault.name === "crash").map((fault) => fault.enter));
    return (i) => crashes.has(i);
  }
  if (verbs[low]) return ofKind(run, verbs[low]);
  if (kinds.includes(low)) return ofKind(run, low);
  if (REPLY_CODE.test(low)) return CONDITION_VALUES.reply(run, [word]);
  throw new Error(`"${word}" is not a word of a condition; write one such as ${EXAMPLES_OF_CONDITIONS}`);
}

function ofKind(run, kind) { return (i) => run.name(i) === kind; }

/** Whether the host in a column has that name, or that name with ".ARPA". */
function named(run, column, words) {
  const word = words.shift();
  const meant = [hostKey(word), hostKey(`${word}.ARPA`)];
  const isMeant = (key, k) => meant.includes(key) || meant.includes(hostKey(run.hosts[k].name));
  const hosts = new Set(run.data.conditions.keys.map((key, k) => (isMeant(key, k) ? k : -2)));
  return (i) => hosts.has(column[i]);
}

/** What all spellings of a host's name have in common, as `canonical` in lab/protocol/names.py. */
function hostKey(text) {
  if (/[^\x00-\x7f]/.test(text)) return text;
  const capitals = text.toUpperCase();
  return /[#[]/.test(capitals) ? capitals.replace(/(?<=[#.[])0+(?=[0-9])/g, "") : capitals;
}

function numbered(column, noun, words) {
  const word = words.shift();
  if (!/^\d+$/.test(word)) throw new Error(`"${word}" is not a number; write ${noun} 1, ${noun} 2 ...`);
  return (i) => column[i] === Number(word);
}

function since(run, words) {
  let quantity = words.shift();
  if (words.length && CONDITION_UNITS[words[0]]) quantity += words.shift();
  const match = /^(\d+(?:\.\d+)?)(us|ms|s|min|h|d)?$/.exec(quantity.replace(/\s/g, ""));
  if (!match) throw new Error(`"${quantity}" is not a time; write 12.5 s, 2 min or 1 h`);
  const t = Number(match[1]) * CONDITION_UNITS[match[2] || "s"];
  return (i) => run.t[i] >= t - 1e-9;
}

const CONDITION_VALUES = {
  command: (run, words) => {
    const verb = words.shift().toUpperCase();
    return (i) => run.name(i) === "command" && run.lines(i)[0].slice(0, 4).trimEnd().toUpperCase() === verb;
  },
  reply: (run, words) => {
    const code = words.shift().toLowerCase();
    if (!REPLY_CODE.test(code)) throw new Error(`"${code}" is not a reply code; write 550, or 5yz for any of them`);
    const digits = code.replace(/[yz]+$/, "");
    return (i) => run.name(i) === "reply" && run.lines(i)[0].startsWith(digits);
  },
  host: (run, words) => named(run, run.host, words),
  peer: (run, words) => named(run, run.peer, words),
  message: (run, words) => numbered(run.message, "message", words),
  session: (run, words) => numbered(run.session, "session", words),
  kind: (run, words) => {
    const kind = words.shift().toLowerCase();
    if (!run.data.conditions.kinds.includes(kind)) throw new Error(`there is no kind "${kind}"; there are ${run.data.conditions.kinds.join(", ")}`);
    return ofKind(run, kind);
  },
  at: since,
  after: since,
  text: (run, words) => {
    const letters = words.shift().toLowerCase();
    return (i) => `${run.get(i, "octets") ?? run.sentence(i)}`.toLowerCase().includes(letters);
  },
};
