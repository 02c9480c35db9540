// What the kernel of JupyterLite takes for Pyodide: Python with the lab and with all that the kernel needs,
// from this folder alone. It installs nothing.

import { startPython } from "../../python.js";

/** Start Python for a notebook. */
export async function loadPyodide({ stdout, stderr }) {
  const archive = new URL("python.tar.gz", import.meta.url).href;
  const settings = await (await fetch(new URL("../../settings.json", import.meta.url))).json();
  // what is not named here is not loaded from elsewhere when a cell imports it
  const lock = await (await fetch(new URL("../../pyodide/pyodide-lock.json", import.meta.url))).json();
  const own = await (await fetch(new URL("own.json", import.meta.url))).json();
  for (const name of Object.keys(lock.packages)) if (!settings.packages || own.includes(name)) delete lock.packages[name];
  const python = await startPython({
    archives: [archive], options: { stdout, stderr, lockFileContents: JSON.stringify(lock) },
  });
  python.runPython(`
import os
os.makedirs("/notebooks", exist_ok=True)
os.chdir("/notebooks")
import pyodide_kernel
pyodide_kernel.ipython_shell.Completer.use_jedi = False
`);
  return python;
}
