// Times, sizes and numbers in words. What comes from the wire is text here, never markup.

/** A number with that many digits after its point, as Python rounds: halves to the even digit. */
function fixed(x, digits) {
  const text = x.toFixed(digits);
  const scale = 10 ** digits;
  // toFixed rounds an exact half up; one is a whole number of 2^-(digits + 1)
  if (!Number.isInteger(x * 2 ** (digits + 1)) || Math.abs((x * 2 * scale) % 2) !== 1) return text;
  const below = Math.floor(x * scale);
  return ((below % 2 === 0 ? below : below + 1) / scale).toFixed(digits);
}

/** A time of the run: seconds below a minute, from then on h:min:s, and days before it. */
function clock(t, digits = 3) {
  const text = fixed(t, digits);
  if (Number(text) < 60) return `${text} s`;
  const scale = 10 ** digits;
  const units = Number(text.replace(".", "")); // of the last digit
  const seconds = Math.floor(units / scale);
  const [days, hours] = [Math.floor(seconds / 86400), Math.floor(seconds / 3600) % 24];
  const padded = (number, width) => String(number).padStart(width, "0");
  const withinHour = `${padded(Math.floor(seconds / 60) % 60, 2)}:${padded(seconds % 60, 2)}`;
  return `${days ? `${days} d ` : ""}${hours}:${withinHour}${digits ? `.${padded(units % scale, digits)}` : ""}`;
}

/** A length of time in three figures, "40 ms", "1.5 h"; `units` are sizes and names, the longest first. */
function duration(seconds, units) {
  if (!(seconds > 0)) return "0 s";
  const [size, unit] = units.find(([each]) => seconds >= each * 0.9995) || units[units.length - 1];
  const number = seconds / size;
  const text = fixed(number, number >= 99.95 ? 0 : number >= 9.995 ? 1 : 2);
  return `${text.includes(".") ? text.replace(/\.?0+$/, "") : text} ${unit}`;
}

/** A template of analysis with its values in place of their names in braces. */
function filled(template, values) {
  return template.replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

/** A number with its noun. */
function counted(number, noun, plural = `${noun}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? noun : plural}`;
}

/** The text in at most `width` characters, cut in the middle, where names differ least. */
function shorten(text, width) {
  if (text.length <= width) return text;
  if (width < 2) return text.slice(0, Math.max(width, 0));
  const head = Math.ceil((width - 1) / 2);
  return `${text.slice(0, head)}…${text.slice(text.length - (width - 1 - head))}`;
}
