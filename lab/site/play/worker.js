// The worker in which Python runs. It is asked for one thing at a time: { id, ask }, where ask is a
// question to lab.browser.desk, and answers { id, answer }; before that, { stage } says how far it is.

import { startPython } from "./python.js";

const stage = (words) => postMessage({ stage: words });

async function begin() {
  const python = await startPython({ stage });
  python.runPython(`
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
