
const place = document.getElementById("replay");
mount(place, document.getElementById("run").textContent, { page: true }).then(
  (player) => { globalThis.replay = player; },
  (error) => { place.textContent = `This page cannot be played: ${error.message}`; },
);
