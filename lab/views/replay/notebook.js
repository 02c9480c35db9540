// The player in a notebook, as a widget of anywidget: its model holds what the kernel and the page share.

/** Hide the still picture that stands in the same cell's output while nothing plays. */
function hideStill(el) {
  const cell = el.closest(".jp-Cell, .cell, .jp-OutputArea");
  for (const still of cell ? cell.querySelectorAll(".lab-replay-still") : []) still.style.display = "none";
}

/** The same in a notebook, for anywidget; where the kernel can make the run again, with acts. */
async function render({ model, el }) {
  const place = make("div", { class: "embedded", tabindex: "0" });
  const beside = make("div", { class: "lab-beside" });
  el.append(place, beside);
  let player = null;
  const moved = (n) => {
    model.set("position", n);
    model.save_changes();
  };
  const act = (change) => model.send({ kind: "act", ...change });
  const begin = async () => {
    const before = player;
    const options = { theme: before ? before.theme : model.get("theme"), breaks: model.get("breaks"),
      act: model.get("acts") ? act : null, altered: model.get("altered") };
    before?.destroy();
    player = await mount(place, model.get("data"), options);
    if (before) {
      player.selectThing(player.address.selection(before.select ? before.address.selected() : ""));
      player.tab(before.current);
    }
    follow();
    player.onMove(moved);
    compared(beside, model.get("comparison"), model.get("altered"));
  };
  const follow = () => {
    const position = model.get("position");
    if (Number.isInteger(position) && position !== player.n) player.seek(position);
  };
  const breaks = () => { player.breaks = model.get("breaks") || []; };
  const heard = (message) => {
    if (message && message.kind === "refused") put(player.find(".acts .said"), message.words);
  };
  await begin();
  hideStill(el);
  const late = setTimeout(() => hideStill(el), 500); // where the output is put into the page after this
  const handlers = { "change:position": follow, "change:breaks": breaks, "change:data": begin, "msg:custom": heard };
  for (const [name, call] of Object.entries(handlers)) model.on(name, call);
  return () => {
    clearTimeout(late);
    for (const [name, call] of Object.entries(handlers)) model.off(name, call);
    player.destroy();
  };
}

/** The comparison of an altered run with its original, below the player. */
function compared(element, page, words) {
  element.replaceChildren();
  if (!page) return;
  const frame = make("iframe", { title: "The altered run beside its original", sandbox: "",
    style: "width: 100%; height: 520px; border: 0" });
  frame.srcdoc = page;
  element.append(make("details", { open: true }, make("summary", {}, `The altered run (B) beside its original (A): ${words}`), frame));
}

export default { render };
