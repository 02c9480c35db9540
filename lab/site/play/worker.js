// The worker in which Python runs. It is asked for one thing at a time: { id, ask }, where ask is a
// question to lab.browser.desk, and answers { id, answer }; before that, { stage } says how far it is.

const stage = (words) => postMessage({ stage: words });

/** What a file has that was packed with gzip. */
async function unpacked(name) {
  const { body } = await fetch(name);
  return new Response(body.pipeThrough(new DecompressionStream("gzip"))).arrayBuffer();
}

/** Write the files of a tar archive: a block of 512 bytes with name and size, then the content, filled up. */
function putFiles(system, folder, archive) {
  const text = (at, length) => new TextDecoder().decode(new Uint8Array(archive, at, length)).replace(/\0.*$/s, "");
  const made = new Set();
  let long = "";
  for (let at = 0; at + 512 <= archive.byteLength && text(at, 100);) {
    const size = parseInt(text(at + 124, 12), 8);
    const content = new Uint8Array(archive, at + 512, size);
    if (text(at + 156, 1) === "L") long = text(at + 512, size); // GNU tar: the name of the next file
    else {
      const path = `${folder}/${long || text(at, 100)}`;
      const above = path.slice(0, path.lastIndexOf("/"));
      if (!made.has(above)) { system.mkdirTree(above); made.add(above); }
      system.writeFile(path, content);
      long = "";
    }
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

/** Python as it was after its start, so that it need not start; if that cannot be, Python as it starts. */
async function asItWas(loadPyodide, options) {
  const memory = await unpacked("memory.bin.gz");
  const make = WebAssembly.instantiateStreaming;
  WebAssembly.instantiateStreaming = async (...about) => {
    const made = await make.apply(WebAssembly, about);
    const own = made.instance.exports.memory;
    const missing = own ? memory.byteLength - own.buffer.byteLength : 0;
    if (missing > 0) own.grow(Math.ceil(missing / 65536)); // it begins smaller than the picture of it
    return made;
  };
  try {
    return await loadPyodide({ ...options, _loadSnapshot: memory });
  } catch (error) {
    console.warn(`Python starts from the beginning: ${error.message}`);
    return await loadPyodide(options);
  } finally {
    WebAssembly.instantiateStreaming = make;
  }
}

async function begin() {
  const settings = await (await fetch("settings.json")).json();
  stage("Python");
  const archive = unpacked("library.tar.gz");
  const packages = fetch("packages.zip").then((answer) => answer.arrayBuffer());
  const options = settings.packages ? { packageBaseUrl: settings.packages } : {};
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const python = settings.memory ? await asItWas(loadPyodide, options) : await loadPyodide(options);
  stage("the lab");
  putFiles(python.FS, "/lab", await archive);
  python.FS.writeFile("/packages.zip", new Uint8Array(await packages)); // read from where it is needed
  if (settings.packages) await python.loadPackage(["matplotlib"]);
  python.runPython(`
import sys
sys.path[:0] = ["/lab", "/packages.zip"]
from pathlib import Path
from lab.browser.desk import Desk
_desk = Desk(Path("/work"))
`);
  const answer = python.runPython("_desk.answer");
  stage("");
  return answer;
}

const ready = begin();
ready.catch((error) => postMessage({ failed: String(error.message || error) }));

onmessage = async ({ data: { id, ask } }) => {
  const answer = await ready;
  try {
    postMessage({ id, answer: JSON.parse(answer(JSON.stringify(ask))) });
  } catch (error) {
    // the last line of Python's report says what it is
    const lines = String(error.message || error).trim().split("\n");
    postMessage({ id, answer: { why: lines[lines.length - 1] } });
  }
};
