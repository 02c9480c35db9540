// Starts Python with the lab in it, for the worker of the page and for that of the lessons.

/** What a file has that was packed with gzip. */
async function unpacked(address) {
  const { body } = await fetch(address);
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
async function asItWas(loadPyodide, picture, options) {
  const memory = await unpacked(picture);
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

/** Start Python with the lab on its path. More archives are unpacked beside it; stage is called with the name of each step. */
export async function startPython({ archives = [], options = {}, stage = () => {} } = {}) {
  const at = (name) => new URL(name, import.meta.url).href;
  const settings = await (await fetch(at("settings.json"))).json();
  stage("Python");
  const folders = [at("library.tar.gz"), ...archives].map(unpacked);
  const packages = fetch(at("packages.zip")).then((answer) => answer.arrayBuffer());
  const all = { indexURL: at("pyodide/"), ...options };
  if (settings.packages) all.packageBaseUrl = settings.packages;
  const { loadPyodide } = await import("./pyodide/pyodide.mjs");
  const python = settings.memory ? await asItWas(loadPyodide, at("memory.bin.gz"), all) : await loadPyodide(all);
  stage("the lab");
  for (const folder of folders) putFiles(python.FS, "/lab", await folder);
  python.FS.writeFile("/packages.zip", new Uint8Array(await packages)); // read from where it is needed
  if (settings.packages) await python.loadPackage(["matplotlib"]);
  python.runPython(`import sys; sys.path[:0] = ["/lab", "/packages.zip"]`);
  return python;
}
