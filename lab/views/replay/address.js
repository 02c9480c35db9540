// The moment in the address of a page: what is shown, as others can be sent it.

class Address {
  constructor(player) { this.player = player; this.written = 0; }

  /** Write the moment into the address: #t=12.3, with n where more happens at that very time. */
  write(least) {
    const { player } = this;
    const now = Date.now();
    if (least && now - this.written < least) return;
    this.written = now;
    const t = Number(player.t.toFixed(6));
    const exact = player.n === player.run.eventsBy(t);
    const parts = [`t=${t}`];
    if (!exact) parts.push(`n=${player.n}`);
    if (player.select) parts.push(`select=${this.selected()}`);
    if (player.timeline.span) parts.push(`span=${player.timeline.span.map((x) => Number(x.toFixed(6))).join("~")}`);
    if (player.panels.messages.text) parts.push(`q=${encodeURIComponent(player.panels.messages.text)}`);
    try {
      history.replaceState(null, "", `#${parts.join("&")}`);
    } catch {
      // within another page (a notebook) the address may not be changed
    }
  }

  /** What is selected, hosts by their names: "host:HUB.CAMPUS", "link:HUB.CAMPUS~DORM.CAMPUS". */
  selected() {
    const { player } = this;
    const { run } = player;
    const [kind, number] = player.select.split(":");
    const name = (host) => encodeURIComponent(run.hostName(host));
    if (kind === "host") return `host:${name(Number(number))}`;
    if (kind === "link") return `link:${name(run.links[number].a)}~${name(run.links[number].b)}`;
    return player.select;
  }

  /** The thing that an address names; null if there is no such one. */
  selection(text) {
    const { player } = this;
    const [, kind, name] = /^(\w+):(.*)$/s.exec(text) || [];
    const { run } = player;
    const host = (hostName) => run.hosts.findIndex((each) => each.name.toLowerCase() === hostName.toLowerCase());
    if (kind === "host") return host(name) < 0 ? null : `host:${host(name)}`;
    if (kind === "message") return run.data.hops[name] || run.rowsOfMessage.has(Number(name)) ? text : null;
    if (kind === "session") return run.sessions.has(Number(name)) ? text : null;
    if (kind !== "link") return null;
    const [a, b] = name.split("~").map(host);
    return player.map.between.has(`${a}-${b}`) ? `link:${player.map.between.get(`${a}-${b}`)}` : null;
  }

  /** Go to the moment that the address names, and select what it names. */
  read() {
    const { player } = this;
    const parts = new Map(location.hash.slice(1).split("&").map((part) => {
      const [name, ...value] = part.split("=");
      try {
        return [name, decodeURIComponent(value.join("="))];
      } catch {
        return [name, ""];
      }
    }));
    const number = (text) => (text && Number.isFinite(Number(text)) ? Number(text) : null);
    const [t, n] = [number(parts.get("t")), number(parts.get("n"))];
    player.pause();
    const span = (parts.get("span") || "").split("~").map(number);
    player.timeline.span = span.length === 2 && !span.includes(null) ? span : null;
    if (parts.has("q")) player.panels.messages.of(parts.get("q"));
    if (parts.has("select")) player.selectThing(this.selection(parts.get("select")));
    else if (player.select) player.selectThing(null);
    if (t === null) return;
    if (n !== null) player.seek(n, Math.min(t, player.run.last));
    else player.seekTime(t);
  }
}
