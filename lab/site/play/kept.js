// What is kept in the browser: every file somebody has worked on, by its name, in IndexedDB. The newest
// text is also put down when the page goes away, since a database may be too slow for that.

const DRAFT = "smtp-lab-draft";

const asked = (request) => new Promise((done, failed) => {
  request.onsuccess = () => done(request.result);
  request.onerror = () => failed(request.error);
});

let opening = null;

function store(mode) {
  opening ??= new Promise((done, failed) => {
    // the version never needs to grow for new fields: what is kept outlives every update of the page
    const request = indexedDB.open("smtp-lab", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("files", { keyPath: "name" });
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });
  return opening.then((base) => base.transaction("files", mode).objectStore("files"));
}

/** All files that are kept, the newest first. */
export async function keptFiles() {
  let files = [];
  try {
    files = await asked((await store("readonly")).getAll());
  } catch { /* a browser that keeps nothing: the page works all the same */ }
  try {
    const draft = JSON.parse(localStorage.getItem(DRAFT));
    const older = files.findIndex((file) => file.name === draft?.name);
    if (draft?.name && (older < 0 || files[older].changed < draft.changed)) {
      if (older >= 0) files.splice(older, 1);
      files.push(draft);
      await keep(draft);
    }
  } catch { /* no draft */ }
  return files.sort((a, b) => b.changed - a.changed);
}

/** Keep a file: { name, text, original, origin, seed, changed }. */
export async function keep(file) {
  await asked((await store("readwrite")).put({ ...file }));
}

export async function forget(name) {
  await asked((await store("readwrite")).delete(name));
}

/** Put a file down at once, before the page goes away. */
export function putDown(file) {
  try {
    localStorage.setItem(DRAFT, JSON.stringify(file));
  } catch { /* full, or not allowed */ }
}
