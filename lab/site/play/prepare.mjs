// Makes what spares the page time, with the Python that the page has: compiled modules, and a picture of
// the memory of a Python that has started and imported what the lab needs of the standard library.
// node prepare.mjs FOLDER: writes library.tar.gz, packages.zip and memory.bin.gz in FOLDER anew.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { gzipSync } from "node:zlib";

const [folder] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(join(folder, "pyodide", "pyodide.mjs")));
const bytes = (name) => new Uint8Array(readFileSync(join(folder, name)));

const python = await loadPyodide();
python.unpackArchive(bytes("library.tar.gz"), "gztar", { extractDir: "/lab" });
python.unpackArchive(bytes("packages.zip"), "zip", { extractDir: "/packages" });
const imported = python.runPython(`
import compileall, pathlib, py_compile, sys

def compiled(folder, beside):
    """Compile a folder and yield its files; beside: each module in place of its source."""
    compileall.compile_dir(
        folder, quiet=2, legacy=beside, invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH
    )
    for path in sorted(pathlib.Path(folder).rglob("*")):
        if path.is_file() and not (beside and path.suffix == ".py"):
            yield path.relative_to(folder).as_posix(), path.read_bytes()

before = set(sys.modules)
sys.path[:0] = ["/lab", "/packages"]
import json
from lab.browser.desk import Desk
desk = Desk(pathlib.Path("/work"))
text = desk.opened({"name": "rfc821/scenario-03"})["text"]
question = {"text": text, "origin": "rfc821/scenario-03"}
desk.checked(question), desk.run(question)
imported = [name for name in sys.modules if name not in before]
from lab.site.browser import write_archive, write_folder
write_folder(pathlib.Path("/lab.new"), compiled("/lab", beside=False))
write_archive(pathlib.Path("/packages.new"), compiled("/packages", beside=True))
json.dumps(imported)
`);
writeFileSync(join(folder, "library.tar.gz"), python.FS.readFile("/lab.new"));
writeFileSync(join(folder, "packages.zip"), python.FS.readFile("/packages.new"));

const fresh = await loadPyodide({ _makeSnapshot: true });
fresh.unpackArchive(bytes("library.tar.gz"), "gztar", { extractDir: "/lab" });
fresh.FS.writeFile("/packages.zip", bytes("packages.zip"));
fresh.runPython(`
import importlib, sys

class WithoutCompiled:
    """Compiled modules cannot be in the picture: what imports them is imported in the page."""
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("msgspec", "pydantic_core"):
            raise ImportError(name)

without = WithoutCompiled()
sys.meta_path.insert(0, without)
sys.path[:0] = ["/lab", "/packages.zip"]
for name in ${imported}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass
sys.meta_path.remove(without)  # what was imported may have put itself first
del sys.path[:2], without, WithoutCompiled
sys.path_importer_cache.clear()
`);
writeFileSync(join(folder, "memory.bin.gz"), gzipSync(fresh.makeMemorySnapshot(), { level: 9 }));
process.exit(0);
