// The page of the lab in the browser: a file, its checks and its drawing on the left, its run on the right.

import player from "./player.js";
import { Editor } from "./editor.js";
import { Network } from "./network.js";
import { keep, keptFiles, putDown } from "./kept.js";

const FIRST = "rfc821/scenario-03";
const find = (id) => document.getElementById(id);
const lab = { runs: 0, times: {}, question: (ask) => question(ask) };
globalThis.lab = lab; // for those who test or measure the page

// -- Python, in a worker ---------------------------------------------------------------------------

let worker = null;
let waiting = new Map();
let asked = 0;

function start() {
  worker?.terminate();
  for (const { done } of waiting.values()) done({ why: "it was stopped" });
  waiting = new Map();
  worker = new Worker("worker.js", { type: "module" });
  worker.onmessage = ({ data }) => {
    if ("id" in data) {
      waiting.get(data.id)?.done(data.answer);
      waiting.delete(data.id);
    } else if ("failed" in data) state(`Python cannot be started: ${data.failed}`);
    else {
      lab.times[data.stage || "ready"] ??= performance.now();
      state(data.stage ? `Loading ${data.stage} …` : "Ready");
    }
  };
  worker.onerror = (event) => state(`Python cannot be started: ${event.message || "the worker has failed"}`);
}

/** Ask lab.browser.desk; the answer is { value } or { why }. */
function question(ask) {
  asked += 1;
  const id = asked;
  return new Promise((done) => {
    waiting.set(id, { done });
    worker.postMessage({ id, ask });
  });
}

const state = (words) => { find("state").textContent = words; };
const say = (words) => { find("said").textContent = words || ""; };

/** The value of an answer; what is not possible is said, and undefined returned. */
async function value(ask) {
  const answer = await question(ask);
  if ("value" in answer) return answer.value;
  say(answer.why);
  return undefined;
}

// -- the file --------------------------------------------------------------------------------------

let file = null; // { name, text, original, origin, seed, changed }
let kept = [];
let shipped = [];

const about = () => ({ text: file.text, origin: file.origin, seed: file.seed });

function show(next) {
  file = next;
  editor.show(file.text);
  find("seed").value = file.seed;
  list();
  say("");
  check();
}

function edited(text) {
  file.text = text;
  save();
  check();
}

function save() {
  file.changed = Date.now();
  if (!kept.some(({ name }) => name === file.name)) { kept.unshift(file); list(); }
  find("reset").disabled = file.text === file.original;
  keep(file).catch((error) => state(`Your work cannot be kept in this browser: ${error.message}`));
}

/** The list of files: one's own, and those that ship. */
function list() {
  const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
  const group = (label, ...options) => {
    const element = Object.assign(document.createElement("optgroup"), { label });
    element.append(...options);
    return element;
  };
  const own = kept.map(({ name }) => option(`kept:${name}`, name));
  const ofTheLab = shipped.map(({ name, title }) => option(`shipped:${name}`, title ? `${name}: ${title}` : name));
  const groups = [group("New", option("new:", "an empty network"))];
  if (own.length) groups.unshift(group("Yours, kept in this browser", ...own));
  if (ofTheLab.length) groups.push(group("Shipped with the lab", ...ofTheLab));
  find("files").replaceChildren(...groups);
  const current = kept.some(({ name }) => name === file?.name) ? `kept:${file.name}` : `shipped:${file?.origin}`;
  find("files").value = current;
  find("reset").disabled = !file || file.text === file.original;
}

function unused(name) {
  let free = name;
  for (let n = 2; kept.some((each) => each.name === free); n += 1) free = `${name} (${n})`;
  return free;
}

async function openShipped(name) {
  const own = kept.find((each) => each.name === name);
  if (own) { show(own); return; } // work that was begun goes on
  const opened = await value({ do: "opened", name });
  if (opened) show({ name, text: opened.text, original: opened.text, origin: name, seed: 0, changed: 0 });
}

const EMPTY = `title = "A network of mine"

[[host]]
name = "A.ARPA"
users = ["ann"]

[[host]]
name = "B.ARPA"
users = ["bob"]

[[link]]
between = ["A.ARPA", "B.ARPA"]
latency = "40 ms"

[[mail]]
from = "ann@A.ARPA"
to = ["bob@B.ARPA"]
subject = "Hello"
text = "The first message."
`;

find("files").onchange = async (event) => {
  const [kind, ...words] = event.target.value.split(":");
  const name = words.join(":");
  if (kind === "kept") show(kept.find((each) => each.name === name));
  else if (kind === "shipped") await openShipped(name);
  else { show({ name: unused("mine"), text: EMPTY, original: EMPTY, origin: "", seed: 0, changed: 0 }); save(); }
};

addEventListener("pagehide", () => { if (file?.changed) putDown(file); });
document.addEventListener("visibilitychange", () => { if (document.hidden && file?.changed) putDown(file); });

// -- checks ----------------------------------------------------------------------------------------

let checking = 0;

async function check() {
  checking += 1;
  const mine = checking;
  await new Promise((done) => { setTimeout(done, 120); });
  if (mine !== checking) return;
  const answer = await question({ do: "checked", ...about() });
  if (mine !== checking || !answer.value) return;
  const { problems, contents, network: drawn } = answer.value;
  lab.problems = problems;
  const wrong = problems.filter(({ warning }) => !warning);
  find("contents").textContent = wrong.length ? `${wrong.length === 1 ? "1 problem" : `${wrong.length} problems`}`
    : `OK: ${contents}`;
  find("problems").querySelector("ol").replaceChildren(...problems.map(({ line, text, warning }) => {
    const item = document.createElement("li");
    const button = Object.assign(document.createElement("button"), { textContent: `${warning ? "⚠ warning: " : "✖ "}${text}` });
    if (line) button.onclick = () => { tab("text"); editor.goTo(line); };
    item.append(button);
    return item;
  }));
  editor.mark(problems);
  network.show(drawn);
  lab.checked = (lab.checked || 0) + 1;
}

const editor = new Editor(edited, async (text, before) => (await question({ do: "completed", text, before })).value || []);

async function edit(wanted) {
  const answer = await question({ do: "edited", text: file.text, edit: wanted });
  say(answer.why);
  if (answer.value) {
    const held = document.activeElement;
    editor.show(answer.value.text, !find("text").hidden);
    if (held?.isConnected) held.focus({ preventScroll: true });
    edited(answer.value.text);
  } else check();
  return Boolean(answer.value);
}

const network = new Network(edit, (table, number) => question({ do: "keys", text: file.text, table, number })
  .then((answer) => answer.value));

// -- the run ---------------------------------------------------------------------------------------

/** What the player takes for the model of its widget: the same clicks, answered by the worker. */
class Model {
  constructor(values) { this.values = values; this.handlers = new Map(); }

  get(name) { return this.values[name]; }

  set(name, value) { this.values[name] = value; }

  save_changes() {}

  on(name, call) { this.handlers.set(name, call); }

  off(name) { this.handlers.delete(name); }

  async send({ kind, ...change }) {
    const answer = await question({ do: "acted", change });
    if (answer.why) { this.handlers.get("msg:custom")?.({ kind: "refused", words: answer.why }); return; }
    const { data, comparison, words, summary } = answer.value;
    Object.assign(this.values, { data, comparison, altered: words, breaks: [], position: change.n });
    showSummary(summary);
    lab.acts = (lab.acts || 0) + 1;
    this.handlers.get("change:data")?.();
    draw();
  }
}

let remove = null;

async function play(data) {
  remove?.();
  find("player").replaceChildren();
  const model = new Model({ data, position: 0, breaks: [], theme: "auto", acts: true, altered: "", comparison: "" });
  remove = await player.render({ model, el: find("player") });
  lab.model = model;
}

function showSummary(summary, verdict = "") {
  lab.digest = summary.digest;
  const parts = ["delivered", "returned", "rejected", "queued", "lost"].filter((key) => summary[key] || key === "delivered")
    .map((key) => `${summary[key]} ${key}`);
  find("verdict").textContent = `${parts.join(", ")} of ${summary.submitted}${verdict ? `; ${verdict}` : ""}`;
  find("verdict").title = summary.digest;
}

function busy(running) {
  for (const id of ["run", "compare"]) find(id).disabled = running;
  find("stop").hidden = !running;
}

async function run() {
  if (find("run").disabled) return;
  say("");
  busy(true);
  find("verdict").textContent = "The simulation runs …";
  const made = await value({ do: "run", ...about() });
  busy(false);
  if (!made) { find("verdict").textContent = "The file could not be run."; return; }
  lab.times.first ??= performance.now();
  showSummary(made.summary, made.verdict);
  find("comparison").hidden = true;
  find("with").hidden = false;
  await play(made.data);
  await draw();
  lab.runs += 1;
}

/** Draw the picture that is chosen, of the last run. */
async function draw() {
  const kind = find("picture").value;
  const made = kind && (await value({ do: "picture", kind }));
  const image = find("drawn").querySelector("img");
  URL.revokeObjectURL(image.src);
  lab.picture = made || null;
  for (const id of ["drawn", "save-picture"]) find(id).hidden = !made;
  if (!made) { image.removeAttribute("src"); return; }
  image.src = URL.createObjectURL(new Blob([made.svg], { type: "image/svg+xml" }));
  image.alt = made.words;
}

async function compare() {
  say("");
  busy(true);
  const comparison = await value({ do: "compared", ...about(), original: file.original });
  busy(false);
  if (!comparison) return;
  find("comparison").hidden = false;
  find("comparison").querySelector("iframe").srcdoc = comparison.page;
  find("comparison").scrollIntoView({ behavior: "smooth" });
  lab.compared = comparison.same;
}

// -- buttons ---------------------------------------------------------------------------------------

function saveAs(name, text, type) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

const plain = () => (file.name.split("/").pop().replace(/[^\w.-]+/g, "-") || "topology");

find("run").onclick = run;
find("compare").onclick = compare;
find("stop").onclick = () => {
  start();
  busy(false);
  find("verdict").textContent = "The run was stopped.";
  check();
};
find("seed").onchange = (event) => {
  file.seed = Math.max(0, Math.trunc(Number(event.target.value)) || 0);
  save();
};
find("reset").onclick = () => {
  const before = file.text;
  editor.show(file.original);
  edited(file.original);
  const undo = Object.assign(document.createElement("button"), { textContent: "Undo" });
  undo.onclick = () => { editor.show(before); edited(before); say(""); };
  find("said").replaceChildren("The file is the original again. ", undo);
};
find("download").onclick = () => saveAs(`${plain()}.toml`, file.text, "application/toml");
find("open").onclick = () => find("opened").click();
find("opened").onchange = async ({ target }) => {
  const [chosen] = target.files;
  if (!chosen) return;
  const text = await chosen.text();
  target.value = "";
  show({ name: unused(chosen.name), text, original: text, origin: "", seed: 0, changed: 0 });
  save();
};
find("workbench").onclick = async () => {
  const made = await value({ do: "page" });
  if (made) open(URL.createObjectURL(new Blob([made.page], { type: "text/html" })), "_blank");
};
find("save-page").onclick = async () => {
  const made = await value({ do: "page" });
  if (made) saveAs(`${plain()}.html`, made.page, "text/html");
};
find("transcript").onclick = async () => {
  const made = await value({ do: "transcript" });
  if (made) saveAs(`${plain()}-sessions.txt`, made.text, "text/plain");
};
find("picture").onchange = draw;
find("save-picture").onclick = () => saveAs(`${plain()}-${find("picture").value}.svg`, lab.picture.svg, "image/svg+xml");
find("altered").onclick = async () => {
  const made = await value({ do: "altered" });
  if (made) saveAs(`${plain()}-changed.toml`, made.text, "application/toml");
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.ctrlKey) { event.preventDefault(); run(); }
});

function tab(name) {
  for (const each of ["text", "network"]) {
    find(`tab-${each}`).setAttribute("aria-selected", each === name);
    find(`tab-${each}`).tabIndex = each === name ? 0 : -1;
    find(each).hidden = each !== name;
  }
}
for (const name of ["text", "network"]) {
  find(`tab-${name}`).onclick = () => tab(name);
  find(`tab-${name}`).onkeydown = (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    const otherTab = name === "text" ? "network" : "text";
    tab(otherTab);
    find(`tab-${otherTab}`).focus();
  };
}

// -- a file in the address -------------------------------------------------------------------------

async function squeezed(stream, bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer());
}

find("share").onclick = async () => {
  const { name, text, origin, seed } = file;
  const bytes = await squeezed(new CompressionStream("deflate-raw"), new TextEncoder().encode(JSON.stringify({ name, text, origin, seed })));
  let letters = "";
  for (const byte of bytes) letters += String.fromCharCode(byte);
  const packed = btoa(letters).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const address = `${location.href.split("#")[0]}#file=${packed}`;
  lab.address = address;
  const link = Object.assign(document.createElement("a"), { href: address, textContent: "This link" });
  let words = " has the whole file in it.";
  try {
    await navigator.clipboard.writeText(address);
    words = " has the whole file in it; it is in the clipboard.";
  } catch { /* not allowed: the link can be copied by hand */ }
  find("said").replaceChildren(link, words);
};

/** The file that the address has, or null. */
async function fromAddress() {
  const packed = /^#file=([\w-]+)$/.exec(location.hash)?.[1];
  if (!packed) return null;
  try {
    const letters = atob(packed.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = await squeezed(new DecompressionStream("deflate-raw"), Uint8Array.from(letters, (each) => each.charCodeAt(0)));
    const { name, text, origin, seed } = JSON.parse(new TextDecoder().decode(bytes));
    return { name: unused(`${name}, from a link`), text: String(text), original: String(text), origin: origin || "",
      seed: Number(seed) || 0, changed: 0 };
  } catch {
    say("The link is damaged: the file in it cannot be read. Copy the whole address.");
    return null;
  }
}

// -- begin -----------------------------------------------------------------------------------------

async function begin() {
  start();
  fetch("settings.json").then((answer) => answer.json()).then(({ lessons }) => {
    if (!lessons) return;
    const link = Object.assign(document.createElement("a"), {
      href: "lessons/notebooks/index.html?path=00-the-course.ipynb", textContent: "Lessons",
    });
    find("to-lessons").replaceChildren(link);
  });
  kept = await keptFiles();
  const fileGiven = await fromAddress();
  if (fileGiven) {
    history.replaceState(null, "", location.pathname);
    show(fileGiven);
    save();
  } else if (kept.length) show(kept[0]);
  if (!file) await openShipped(FIRST);
  busy(false);
  await run();
  shipped = (await value({ do: "shipped" })) || [];
  list();
}

addEventListener("hashchange", async () => {
  const fileGiven = await fromAddress();
  if (fileGiven) { history.replaceState(null, "", location.pathname); show(fileGiven); save(); await run(); }
});
begin();
