// What stands about a run on its page: its title, the verdict about it, the keys and the notes.

/** Write what does not change while the run plays: its title, verdict, notes and the keys. */
function fillPage(player) {
  const { run } = player;
  put(player.find(".title"), run.data.title || "A run");
  if (player.options.page) { // in a notebook it is one heading of many
    player.find(".title").setAttribute("role", "heading");
    player.find(".title").setAttribute("aria-level", "1");
  }
  verdictLine(player);
  player.find(".if-load").hidden = !run.links.some((link) => link.bytes);
  player.find(".if-cut").append(run.data.looks.cut.words);
  player.find(".if-cut").hidden = !run.data.cuts.length;
  player.find(".if-routers").hidden = !run.hosts.some((host) => host.kind === "router");
  const list = make("dl");
  for (const [keys, words] of KEYS) list.append(make("dt", {}, keys), make("dd", {}, words));
  const notes = run.data.notes.map((note) => make("p", { class: "quiet" }, note));
  player.find("[data-panel=keys]").append(make("div", { class: "legend signs" }), list, make("p", {}, "A click on a host shows its spool, its mail drops and "
    + "its dialogue; a click in the ladder or the timeline goes to that moment. The address of this page names the "
    + "moment (#t=12.3), what is selected and the query: it can be sent to others."), ...notes);
}

/** The verdict: how many came to which end, and where the time went; and rules that were broken. */
function verdictLine(player) {
  const { verdict } = player.run.data;
  const line = player.find(".verdict");
  const ends = verdict.ends.map(([name, count, words]) => make("button", { type: "button",
    class: `end end-${name} ${count ? "" : "none"}`, title: `the messages that were ${name}`,
    onclick: () => player.ask(`outcome:${name}`) }, `${endLook(player.run, name).glyph} ${words}`));
  line.replaceChildren(make("strong", {}, `${verdict.who}:`), ...ends, make("span", {}, verdict.words));
  if (verdict.shows) line.append(make("span", { class: "shows" }, verdict.shows));
  for (const [t, message, words] of verdict.breaches.slice(0, 3)) {
    line.append(make("button", { type: "button", class: "broken", onclick: () => {
      player.seekTime(t / 1e6);
      if (message >= 0) player.selectThing(`message:${message}`);
    } }, `${player.run.data.looks.broken.glyph} ${words}`));
  }
}
