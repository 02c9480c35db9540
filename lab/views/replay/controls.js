// The controls of the player: what a click, a key or another width of the page does.

/** Listen to the controls of a player, until it is destroyed. */
function listen(player) {
  const { signal } = player.ended;
  const on = (selector, event, call) => player.find(selector).addEventListener(event, call, { signal });
  on(".play", "click", () => (player.playing ? player.pause() : player.play()));
  on(".step", "click", () => player.step());
  on(".back", "click", () => player.back());
  on(".first", "click", () => { player.pause(); player.seek(0); });
  on(".last", "click", () => { player.pause(); player.seek(player.run.count); });
  on(".speed", "change", (event) => player.setSpeed(Number(event.target.value)));
  on(".skip", "change", (event) => player.setSkip(event.target.checked));
  on(".zoom-in", "click", () => player.map.zoomBy(1.6));
  on(".zoom-out", "click", () => player.map.zoomBy(1 / 1.6));
  on(".zoom-all", "click", () => player.map.whole());
  const list = player.find("header datalist");
  list.id = `find-${Math.random().toString(36).slice(2)}`;
  player.find(".find").setAttribute("list", list.id);
  on(".find", "input", () => suggestThings(player, list));
  on(".find", "change", () => goToNamed(player));
  on(".scope", "change", (event) => player.scope(event.target.value));
  on(".theme", "click", () => player.nextTheme());
  on(".slider", "pointerdown", () => { player.sliding = true; });
  on(".slider", "input", (event) => player.seekPlace((Number(event.target.value) / 1e6) * player.scale.length));
  on(".slider", "change", () => { player.sliding = false; });
  on(".slider", "pointerup", () => { player.sliding = false; });
  for (const tab of player.element.querySelectorAll("[data-tab]")) {
    tab.addEventListener("click", () => player.tab(tab.dataset.tab), { signal });
    tab.addEventListener("keydown", (event) => tabKey(player, event, tab), { signal });
  }
  const keys = player.options.page ? document : player.element;
  keys.addEventListener("keydown", (event) => pressed(player, event), { signal });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => player.setTheme(player.theme), { signal });
  player.watch = new ResizeObserver(() => player.fit());
  player.watch.observe(player.element);
  for (const view of [player.map, player.ladder, player.timeline]) player.watch.observe(view.canvas);
  if (player.options.page) addEventListener("hashchange", () => player.address.read(), { signal });
}

/** Go to the tab beside, with an arrow key. */
function tabKey(player, event, tab) {
  const way = { ArrowRight: "nextElementSibling", ArrowLeft: "previousElementSibling" }[event.key];
  if (!way) return;
  event.preventDefault();
  event.stopPropagation();
  let next = tab[way];
  while (next && !next.offsetParent) next = next[way];
  if (!next) return;
  player.tab(next.dataset.tab);
  next.focus();
}
