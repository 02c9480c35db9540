// What each key does.

/** Do what a key asks of the player; nothing where a control has the key to itself. */
function pressed(player, event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
  const tag = event.target.tagName;
  if (tag === "SELECT" || tag === "TEXTAREA" || (tag === "INPUT" && event.target.type !== "range")) return;
  if (event.key === " " && ["BUTTON", "SUMMARY", "A"].includes(tag)) return;
  const hosts = player.run.hosts.length;
  const calls = {
    " ": () => (player.playing ? player.pause() : player.play()),
    ArrowRight: () => (event.shiftKey ? player.stepInLadder(1) : player.step()),
    ArrowLeft: () => (event.shiftKey ? player.stepInLadder(-1) : player.back()),
    PageDown: () => { player.pause(); player.seek(player.n + 10); },
    PageUp: () => { player.pause(); player.seek(player.n - 10); },
    Home: () => { player.pause(); player.seek(0); },
    End: () => { player.pause(); player.seek(player.run.count); },
    "+": () => player.faster(1),
    "=": () => player.faster(1),
    "-": () => player.faster(-1),
    "[": () => player.choose((player.host + hosts - 1) % hosts),
    "]": () => player.choose((player.host + 1) % hosts),
    n: () => player.failure(1),
    N: () => player.failure(-1),
    b: () => player.toBreak(1),
    B: () => player.toBreak(-1),
    m: () => player.nextMessage(1),
    M: () => player.nextMessage(-1),
    z: () => player.timeline.zoomBy(2),
    Z: () => player.timeline.zoomBy(0.5),
    "/": () => { player.tab("messages"); player.panels.messages.ask.focus(); },
    Escape: () => { player.timeline.span = null; player.selectThing(null); },
    w: () => player.setSkip(!player.skip),
    d: () => player.nextTheme(),
    "?": () => player.tab("keys"),
  };
  const call = calls[event.key];
  if (!call) return;
  event.preventDefault();
  call();
}
