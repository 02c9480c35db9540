// Events, times and sizes in words. What comes from the wire is text here, never markup.

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"], [1e-3, "ms"]];

/** A length of time with its unit, in three figures at most: "40 ms", "1.5 h". */
function duration(seconds) {
  if (!(seconds > 0)) return "0 s";
  const [size, unit] = UNITS.find(([each]) => seconds >= each * 0.9995) || [1e-6, "µs"];
  return `${Number((seconds / size).toPrecision(3))} ${unit}`;
}

/** A time of the run: seconds below a minute, from then on h:min:s, and days before it. */
function clock(t, digits = 3) {
  if (t < 60) return `${t.toFixed(digits)} s`;
  const whole = Math.floor(t / 60);
  const rest = (t - whole * 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  const minutes = String(whole % 60).padStart(2, "0");
  const hours = Math.floor(whole / 60);
  if (hours < 24) return `${hours}:${minutes}:${rest}`;
  return `${Math.floor(hours / 24)} d ${hours % 24}:${minutes}:${rest}`;
}

/** A number with its noun. */
function counted(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** Control characters and what lies beyond ASCII as escapes, as the transcript writes them. */
function visible(text) {
  return text.replace(/[^\t\x20-\x7e]/g, (one) =>
    `\\x${one.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** The lines of what crossed the wire, without their ends. */
function linesOf(octets) {
  return (octets.endsWith("\r\n") ? octets.slice(0, -2) : octets).split("\r\n").map(visible);
}

/** The text in at most `width` characters, cut in the middle, where names differ least. */
function shorten(text, width) {
  if (text.length <= width) return text;
  if (width < 2) return text.slice(0, Math.max(width, 0));
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}

/** An address without its source route: the user at the host that it is for. */
function address(path) {
  const bare = String(path).replace(/^<|>$/g, "");
  return bare === "" ? "<>" : bare.startsWith("@") ? bare.slice(bare.lastIndexOf(":") + 1) : bare;
}

/** What a command, a reply or mail data says, in a line. */
function gist(run, i) {
  const octets = run.get(i, "octets") || "";
  if (run.name(i) === "data") {
    return `mail data, ${counted(octets.length + run.missing(i), "octet")}`;
  }
  const lines = linesOf(octets);
  return lines.length > 1 ? `${lines[0]} (+${counted(lines.length - 1, "line")})` : lines[0];
}

/** The verb of a command, the code of a reply. */
function tag(run, i) {
  if (run.name(i) === "data") return "mail";
  const octets = run.get(i, "octets") || "";
  return visible(octets.slice(0, run.name(i) === "reply" ? 3 : 4).trim()).toUpperCase();
}

/** Whether a reply refuses: 4yz and 5yz do (RFC 821, appendix E). */
function refuses(run, i) {
  return run.name(i) === "reply" && /^[45]/.test(run.get(i, "octets") || "");
}

const SENTENCES = {
  start: () => "The run begins.",
  plan: () => "A way that mail is to take.",
  submit: (e) => `${address(e("reverse_path"))} hands mail ${e.m} to ${e.host}, for `
    + `${e("recipients").map(address).join(", ")}.`,
  reject: (e) => `${e.host} does not take mail ${e.m} for ${address(e("path"))}: ${e("reason")}.`,
  expand: (e) => (e("members").length
    ? `${e.host} expands the mailing list ${e("name")}: mail ${e.m} is for `
      + `${counted(e("members").length, "member")}.`
    : `${e.host} does not expand the mailing list ${e("name")} again: mail ${e.m} has been there.`),
  forward: (e) => (e("mode") === "redirect"
    ? `${e.host} sends mail ${e.m} to ${address(e("new"))} in place of ${address(e("old"))}.`
    : `${e.host} takes mail ${e.m} for ${address(e("old"))} on to ${address(e("new"))}.`),
  queue: (e) => `${e.host} puts mail ${e.m} into its spool, for ${e.peer}.`,
  attempt: (e) => `${e.host} begins to open a transmission channel to ${e.peer}.`,
  unreachable: (e) => `${e.host} cannot reach ${e.peer}: ${e("reason")}.`,
  open: (e) => `Session ${e.s} is open, from ${e.host} to ${e.peer}, over ${e("transport")}.`,
  command: (e) => `${e.peer} says to ${e.host}: ${e.gist}`,
  reply: (e) => `${e.peer} answers ${e.host}: ${e.gist}`,
  data: (e) => `${e.peer} sends ${e.host} the ${e.gist}, of mail ${e.m}.`,
  close: (e) => (e("reason") === "quit" ? `Session ${e.s} is over.`
    : `Session ${e.s} between ${e.host} and ${e.peer} ends: ${e("reason")}.`),
  accept: (e) => `${e.host} has stored mail ${e.m} and is responsible for it now.`,
  transfer: (e) => `${e.host} strikes mail ${e.m} from its spool: ${e.peer} has it.`,
  refuse: (e) => `${e.peer || e.host} refuses mail ${e.m} for good: ${e("reply")}.`,
  defer: (e) => `${e.host} keeps mail ${e.m} for ${e.peer}`
    + `${e("retry_at") === null ? "" : ` until ${clock(e("retry_at"), 1)}`}: ${e("reason")}.`,
  deliver: (e) => `${e.host} delivers mail ${e.m} into the mail drop of ${e("user")}.`,
  terminal: (e) => `${e.host} shows mail ${e.m} on the terminal of ${e("user")}.`,
  notify: (e) => `${e.host} writes a notification, mail ${e.m}, to ${address(e("path"))}: mail `
    + `${e("about")} cannot be delivered: ${e("reason")}.`,
  abandon: (e) => `${e.host} gives up mail ${e.m}, and tells nobody: ${e("reason")}.`,
  loss: (e) => `A segment is lost between ${e.host} and ${e.peer}; it is sent again.`,
  fault: (e) => `Fault ${e("on") ? "begins" : "ends"}: ${e("name")}`
    + `${e.host ? ` at ${e.host}` : ""}${e.peer ? ` – ${e.peer}` : ""}`
    + `${e("what") ? ` (${e("what")})` : ""}.`,
  forget: (e) => `${e.host} crashed before it had stored mail ${e.m}.`,
  end: (e) => (e("reason") === "settled" ? "Nothing is left to do." : "The run was stopped here."),
};

/** Event i in a sentence. */
function sentence(run, i) {
  const kind = run.name(i);
  const event = (name) => run.get(i, name);
  event.host = run.hostName(run.host[i]);
  event.peer = run.hostName(run.peer[i]);
  event.s = run.session[i];
  event.m = run.message[i] < 0 ? "?" : run.message[i];
  event.gist = WIRE.has(kind) ? gist(run, i) : "";
  const words = SENTENCES[kind] ? SENTENCES[kind](event) : `${kind} at ${event.host}.`;
  return words.replace(/\r\n/g, " ").replace(/[\x00-\x1f\x7f-\x9f]/g, visible).replace(/\.\.$/, ".");
}
