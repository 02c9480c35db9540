
const place = document.getElementById("replay");
mount(place, document.getElementById("run").textContent, { page: true }).then(
  async (player) => {
    globalThis.replay = player;
    if ("live" in place.dataset) new Live(player, await (await fetch("about")).json());
    if ("plays" in place.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
  },
  (error) => { place.textContent = `This page cannot be played: ${error.message}`; },
);
