// What a selection has to do with, and what somebody looks for by its name.

/** The numbers of the messages that had to do with a thing: "message:3", "host:1", "link:0", "session:2". */
function messagesOf(run, selection) {
  const [kind, text] = selection.split(":");
  const number = Number(text);
  if (kind === "message") return new Set([number]);
  if (kind === "session") return new Set((run.sessions.get(number)?.events || []).map((i) => run.message[i]));
  const link = kind === "link" ? run.links[number] : null;
  const isLink = (a, b) => (a === link.a && b === link.b) || (a === link.b && b === link.a);
  const meets = ([host, peer]) => (kind === "host" ? host === number || peer === number
    : run.routeOf(host, peer).some((hop, k, route) => k && isLink(route[k - 1], hop)));
  return new Set(Object.entries(run.data.hops).filter(([, hops]) => hops.some(meets)).map(([message]) => Number(message)));
}

/** What is written in the field for a name: hosts that have it in theirs, or the number of a message. */
function suggestThings(player, list) {
  const { run } = player;
  const words = player.find(".find").value.trim().toLowerCase();
  const hosts = words ? run.hosts.filter((host) => host.name.toLowerCase().includes(words)).slice(0, 12) : [];
  const messages = run.rowsOfMessage.has(Number(words)) && words ? [make("option", { value: `message ${words}` })] : [];
  list.replaceChildren(...messages, ...hosts.map((host) => make("option", { value: host.name })));
}

/** Go to the host or message that is named in the field: by its whole name, its beginning, or a part. */
function goToNamed(player) {
  const text = player.find(".find").value.trim().toLowerCase();
  const message = /^(?:message |#)?(\d+)$/.exec(text);
  const names = player.run.hosts.map((host) => host.name.toLowerCase());
  let host = names.indexOf(text);
  if (host < 0 && message && player.run.rowsOfMessage.has(Number(message[1]))) {
    player.selectThing(`message:${message[1]}`);
    return;
  }
  if (host < 0 && text) host = names.findIndex((name) => name.startsWith(text));
  if (host < 0 && text) host = names.findIndex((name) => name.includes(text));
  if (host < 0) return;
  player.choose(host);
  player.map.focus([host]);
}
