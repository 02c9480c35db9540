// Bytes that were cut off on their way: seen until their channel is lost, and then where they stopped.

const STAYS = 1; // seconds of the run for which they are seen where they stopped, at least

/** What is on its way now and will be cut off, or has just been. */
function cutsAt(run, n, t) {
  return run.data.cuts.filter((cut) => cut.after <= n && cut.left <= t && t <= cut.at + Math.max(STAYS, cut.needed));
}

/** Draw something that is cut off: its bytes from tail to head, and what it is; once it stops, crosses at both ends. */
function drawCut(map, cut, t) {
  const { context, colours } = map;
  const stopped = t >= cut.at;
  const parts = cutParts(map, cut, Math.min(t, cut.at) - cut.left);
  if (!parts.length) return;
  const colour = cut.kind === "data" ? colours.mail : colours[cut.kind];
  const size = map.size > 5 ? 1 : 0.65;
  context.save();
  if (stopped) context.setLineDash([5, 3]);
  for (const part of parts) map._stream(part, colour, (cut.kind === "data" ? 6 : 3.5) * size);
  context.restore();
  const [first, last] = [parts[0], parts[parts.length - 1]];
  const [tail, head] = [onPolyline(first[0], first[1]), onPolyline(last[0], last[2])];
  const middle = parts.length > 1 ? head : onPolyline(last[0], (last[1] + last[2]) / 2);
  if (cut.kind === "data") envelope(context, ...middle, 20 * size, colours.mail, colours.ink);
  if (stopped) for (const [x, y] of [tail, head]) cross(context, x, y, 5 * size, colours.refusal, 2.5);
  else if (cut.kind !== "data") cutDot(context, ...middle, 5 * size, colour, cut.kind);
  const words = `${stopped ? "cut: " : ""}${cut.kind === "data" ? `mail ${cut.message}` : cut.kind}`;
  if (stopped || cut.kind === "data") map._wordsAt(words, ...middle, 0.5);
}

/** The parts of the links that its bytes take up, `now` seconds after they left: points of the link, tail, head. */
function cutParts(map, { hosts, lines }, now) {
  const parts = [];
  lines.forEach(([began, ended, latency], k) => {
    const share = (since) => Math.min(1, Math.max(0, (now - since) / Math.max(latency, 1e-9)));
    const [head, tail] = [share(began), share(ended)];
    const isThere = now >= began && tail < 1;
    if (isThere) parts.push([map._route([hosts[k], hosts[k + 1]]), Math.min(tail, head), head]);
  });
  return parts;
}

/** Where its tail and its head are at a time, as shares of its way over links. */
function cutStretch({ left, lines }, t) {
  const share = (since, latency) => Math.min(1, Math.max(0, (t - left - since) / Math.max(latency, 1e-9)));
  const sum = (place) => lines.reduce((total, line) => total + share(line[place], line[2]), 0) / lines.length;
  const [tail, head] = [sum(1), sum(0)];
  return [Math.min(tail, head), head];
}

function cutDot(context, x, y, reach, colour, kind) {
  context.fillStyle = colour;
  context.beginPath();
  if (kind === "reply") context.rect(x - reach, y - reach, 2 * reach, 2 * reach);
  else context.arc(x, y, reach, 0, 7);
  context.fill();
}
