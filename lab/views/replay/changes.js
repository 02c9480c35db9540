// What can be changed from a moment on: a link cut, a host crashed, a reply changed; the kernel makes the run again.

/** What can be changed from this moment on, where a kernel stands behind the page. */
function showChanges(player) {
  const { run } = player;
  const place = player.find(".acts");
  const session = player.panels.follow.session(player.n);
  const open = session && session.close >= player.n ? session : null;
  const [kind, number] = (player.select || "").split(":");
  const key = [player.host, player.select, open && open.number].join("/");
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  place.hidden = false;
  const names = run.data.conditions.names;
  const act = (change) => {
    player.pause();
    put(player.find(".acts .said"), "the run is made again …");
    player.options.act({ n: player.n, ...change });
  };
  const button = (words, change) => make("button", { type: "button", class: "small", onclick: () => act(change()) }, words);
  const buttons = [];
  if (kind === "link") {
    const { a, b } = run.links[number];
    buttons.push(button(`✂ cut ${run.hostName(a)}-${run.hostName(b)}`, () => ({ act: "cut", a: names[a], b: names[b] })),
      button("… for 60 s", () => ({ act: "cut", a: names[a], b: names[b], seconds: 60 })));
  } else if (run.hosts[player.host] && run.hosts[player.host].kind !== "router") {
    buttons.push(button(`✖ crash ${run.hostName(player.host)} for 60 s`, () => ({ act: "crash", host: names[player.host] })));
  }
  if (open) {
    const line = make("input", { type: "text", class: "line", value: "451 Not now", "aria-label": `The next reply of session ${open.number}` });
    buttons.push(line, button(`change the next reply of session ${open.number}`, () => ({ act: "reply", line: line.value, session: open.number })),
      button("hang up", () => ({ act: "hang-up", session: open.number })));
  }
  if (player.options.altered) buttons.push(button("↶ undo", () => ({ act: "undo" })));
  const hint = kind === "link" ? "" : "a click on a link offers to cut it";
  place.replaceChildren(make("strong", {}, "Change from here on:"), ...buttons, make("span", { class: "said quiet", role: "status" }, hint));
}
