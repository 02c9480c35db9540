// The editor: a text area with line numbers, the lines of problems, and completion.

const LINE = 19; // pixels, as in play.css
const PAD = 6;

export class Editor {
  /** `changed` is called after every edit; `complete(text, before)` promises what may be written. */
  constructor(changed, complete) {
    this.area = document.getElementById("source");
    this.gutter = document.querySelector(".gutter");
    this.list = document.getElementById("choices");
    this.changed = changed;
    this.complete = complete;
    this.problems = [];
    this.choices = [];
    this.area.addEventListener("input", () => this._edited());
    this.area.addEventListener("scroll", () => { this.gutter.scrollTop = this.area.scrollTop; this._close(); });
    this.area.addEventListener("keydown", (event) => this._key(event));
    this.area.addEventListener("blur", () => setTimeout(() => this._close(), 150));
    this.area.addEventListener("click", () => this._close());
  }

  get text() { return this.area.value; }

  /** Put another text in; `byEdit` keeps it undoable with the keys of the browser. */
  show(text, byEdit = false) {
    if (text === this.area.value) return;
    const { scrollTop } = this.area;
    if (byEdit) {
      this.area.focus({ preventScroll: true });
      this.area.select();
      document.execCommand("insertText", false, text);
      this.area.setSelectionRange(0, 0);
    }
    if (this.area.value !== text) this.area.value = text;
    this.area.scrollTop = byEdit ? scrollTop : 0;
    this._numbers();
  }

  /** Mark the lines of problems. */
  mark(problems) {
    this.problems = problems;
    this._numbers();
  }

  /** Go to a line. */
  goTo(line) {
    const before = this.text.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    const end = this.text.indexOf("\n", before);
    this.area.focus();
    this.area.setSelectionRange(before, end < 0 ? this.text.length : end);
    this.area.scrollTop = Math.max(0, (line - 5) * LINE);
  }

  _numbers() {
    const count = this.text.split("\n").length;
    const bad = new Map(this.problems.filter(({ line }) => line).map(({ line, text }) => [line, text]));
    this.gutter.replaceChildren(...Array.from({ length: count }, (_, n) => {
      const number = document.createElement("span");
      number.textContent = bad.has(n + 1) ? `✖ ${n + 1}` : n + 1;
      if (bad.has(n + 1)) number.className = "bad";
      return number;
    }));
    this.gutter.scrollTop = this.area.scrollTop;
  }

  _edited() {
    this._numbers();
    this.changed(this.text);
    const before = this.text.slice(0, this.area.selectionStart);
    if (/(?:^|\n)[ \t]*\[{0,2}[\w.-]+$|["=] ?$/.test(before)) this._offer();
    else this._close();
  }

  async _offer(wanted = false) {
    const before = this.text.slice(0, this.area.selectionStart);
    const choices = await this.complete(this.text, before);
    if (before !== this.text.slice(0, this.area.selectionStart)) return; // somebody has typed on
    this.choices = choices.filter(({ insert, typed }) => insert !== typed);
    if (!this.choices.length || (document.activeElement !== this.area)) { this._close(); return; }
    this.at = wanted ? 0 : -1;
    this.list.replaceChildren(...this.choices.map(({ insert, help }, n) => {
      const item = Object.assign(document.createElement("li"), { id: `choice-${n}`, role: "option" });
      item.setAttribute("role", "option");
      const small = Object.assign(document.createElement("small"), { textContent: help });
      item.append(insert.trim(), small);
      item.addEventListener("mousedown", (event) => { event.preventDefault(); this._accept(n); });
      return item;
    }));
    const lines = before.split("\n");
    const top = PAD + lines.length * LINE - this.area.scrollTop;
    const left = this.gutter.offsetWidth + 8 + lines[lines.length - 1].length * 7.8 - this.area.scrollLeft;
    this.list.hidden = false;
    const room = this.area.parentElement;
    this.list.style.left = `${Math.max(4, Math.min(left, room.clientWidth - this.list.offsetWidth - 4))}px`;
    this.list.style.top = `${top + this.list.offsetHeight > room.clientHeight
      ? Math.max(2, top - LINE - this.list.offsetHeight) : top}px`;
    this._point();
  }

  _point() {
    [...this.list.children].forEach((item, n) => item.setAttribute("aria-selected", n === this.at));
    if (this.at >= 0) {
      this.list.children[this.at].scrollIntoView({ block: "nearest" });
      this.area.setAttribute("aria-activedescendant", `choice-${this.at}`);
    } else this.area.removeAttribute("aria-activedescendant");
  }

  _close() {
    this.list.hidden = true;
    this.area.removeAttribute("aria-activedescendant");
  }

  _accept(n) {
    const { insert, typed } = this.choices[n];
    const end = this.area.selectionStart;
    // an editor's closing bracket or quote that stands there already is replaced
    let after = end;
    while (after < this.text.length && "]\"".includes(this.text[after]) && insert.endsWith(this.text[after])) after += 1;
    this.area.setSelectionRange(end - typed.length, after);
    if (!document.execCommand("insertText", false, insert)) this.area.setRangeText(insert, end - typed.length, after, "end");
    this._close();
    this._numbers();
    this.changed(this.text);
  }

  _key(event) {
    if (event.key === " " && event.ctrlKey) { event.preventDefault(); this._offer(true); return; }
    if (this.list.hidden) return;
    const { length } = this.choices;
    const calls = {
      ArrowDown: () => { this.at = (this.at + 1) % length; this._point(); },
      ArrowUp: () => { this.at = (this.at + length - (this.at < 0 ? 0 : 1)) % length; this._point(); },
      Tab: () => this._accept(Math.max(0, this.at)),
      Escape: () => this._close(),
      ...(this.at >= 0 ? { Enter: () => this._accept(this.at) } : {}),
    };
    if (!calls[event.key] || event.ctrlKey || event.shiftKey) return;
    event.preventDefault();
    calls[event.key]();
  }
}
