
const place = document.getElementById("replay");
mount(place, document.getElementById("run").textContent, { page: true }).then(
  (player) => {
    globalThis.replay = player;
    if ("plays" in place.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) player.play();
  },
  (error) => { place.textContent = `This page cannot be played: ${error.message}`; },
);
