// A small mail program, as the course "write an SMTP" has it, for Node: no packages.
//
//     node mailer.mjs                                  a receiver on stdin and stdout
//     node mailer.mjs send HOST PORT FROM TO FILE      a sender
//
// It is BETA.ARPA, or $LAB_HOST, with the users Jones and Brown, or $LAB_USERS; their mail goes into
// the folder $LAB_MAIL. The numbers in brackets are the stages of the course.

import { readFileSync, writeFileSync, renameSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

const HOST = process.env.LAB_HOST ?? "BETA.ARPA";
const USERS = (process.env.LAB_USERS ?? "Jones,Brown").toLowerCase().split(",");
const MAIL = process.env.LAB_MAIL ?? "";
const BYTE = "(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)";
const DOMAIN = new RegExp(`^(?:[A-Za-z0-9.-]+|#\\d+|\\[${BYTE}(?:\\.${BYTE}){3}\\])$`);
const PATH = /^<(?:((?:@[^,:@<>]+,?)+):)?((?:"(?:[^"\\]|\\.)*"|\\.|[^@<>"\\])+)@([^@<>\s]+)>$/;

// Bytes to lines: only CRLF ends a line, however the bytes are cut. Latin-1 keeps each byte.
function lines(take) {
  let buffer = "";
  return (piece) => {
    buffer += piece.toString("latin1");
    for (let end; (end = buffer.indexOf("\r\n")) >= 0; ) {
      const line = buffer.slice(0, end);
      buffer = buffer.slice(end + 2);
      take(line);
    }
  };
}

class Session {
  constructor(say, close) {
    Object.assign(this, { say, close, state: 0, sender: "", to: [], peer: "", text: null });
    this.reply(220, `${HOST} Service ready`);
  }

  reply(code, text) {
    this.say(`${code} ${text}\r\n`);
  }

  line(line) {
    if (this.text) this.mailData(line);
    else this.command(line);
  }

  command(line) {
    if (this.over) return;
    const [, verb, space, argument] = /^([A-Za-z]*)( *)(.*)$/s.exec(line);
    const words = space || argument ? argument.trim() : null;
    const todo = { HELO: 1, MAIL: 1, RCPT: 1, DATA: 1, RSET: 1, NOOP: 1, VRFY: 1, EXPN: 1, HELP: 1, QUIT: 1 };
    const known = todo[verb.toUpperCase()] && (space || !argument) && !/[^\x00-\x7f]/.test(line);
    if (known) this[verb.toUpperCase()](words);
    else this.reply(500, "Syntax error, command unrecognized");
  }

  HELO(domain) {
    if (!domain || !DOMAIN.test(domain)) {
      return this.reply(501, "HELO needs a domain");
    }
    Object.assign(this, { peer: domain, state: 1, to: [] });
    this.reply(250, HOST);
  }

  MAIL(argument) {
    const [, path] = /^FROM:(<.*>)$/i.exec(argument ?? "") ?? [];
    if (this.state === 0) return this.reply(503, "HELO comes first");
    if (!path || !(path === "<>" || PATH.test(path))) return this.reply(501, "FROM:<path>");
    Object.assign(this, { sender: path, to: [], state: 2 });
    this.reply(250, "OK");
  }

  RCPT(argument) {
    const [, path] = /^TO:(<.*>)$/i.exec(argument ?? "") ?? [];
    const parts = PATH.exec(path ?? "");
    if (this.state < 2) return this.reply(503, "MAIL comes first");
    if (!parts) return this.reply(501, "TO:<path>");
    const route = (parts[1] ?? "").toUpperCase();
    const here = parts[3].toUpperCase() === HOST && (route === "" || route === `@${HOST}`);
    if (!here) return this.reply(550, "This host does not relay");
    if (!USERS.includes(parts[2].toLowerCase())) return this.reply(550, "No such user here");
    this.to.push(path);
    this.state = 3;
    this.reply(250, "OK");
  }

  DATA(argument) {
    if (argument !== null) return this.reply(501, "DATA takes no argument");
    if (this.state < 3) return this.reply(503, "RCPT comes first");
    this.text = [];
    this.reply(354, "Start mail input; end with <CRLF>.<CRLF>");
  }

  mailData(line) {
    if (line !== ".") return this.text.push(line.startsWith(".") ? line.slice(1) : line); // [5]
    const text = this.text.map((line) => `${line}\r\n`).join("");
    this.text = null;
    this.state = 1;
    this.deliver(text); // before 250 is said [12]
    this.reply(250, "OK");
  }

  deliver(text) {
    if (!MAIL) return;
    const name = `${process.hrtime.bigint()}-${process.pid}`;
    const stamp = `Received: from ${this.peer} by ${HOST} ; ${new Date().toUTCString()}\r\n`;
    const mail = `Return-Path: ${this.sender}\r\n${stamp}${text}`;
    writeFileSync(join(MAIL, `.${name}`), mail, { encoding: "latin1", flush: true });
    renameSync(join(MAIL, `.${name}`), join(MAIL, name));
  }

  RSET(argument) {
    if (argument !== null) return this.reply(501, "RSET takes no argument");
    Object.assign(this, { state: Math.min(this.state, 1), to: [] });
    this.reply(250, "OK");
  }

  NOOP(argument) {
    if (argument !== null) return this.reply(500, "NOOP takes no argument");
    this.reply(250, "OK");
  }

  HELP() {
    this.reply(214, "HELO MAIL RCPT DATA RSET NOOP QUIT HELP VRFY EXPN");
  }

  VRFY(name) {
    if (!name) return this.reply(501, "VRFY needs a name");
    if (!USERS.includes(name.toLowerCase())) return this.reply(550, "No such user here");
    this.reply(250, `<${name}@${HOST}>`);
  }

  EXPN(name) {
    this.reply(name ? 550 : 501, name ? "No such list here" : "EXPN needs a name");
  }

  QUIT(argument) {
    if (argument !== null) return this.reply(500, "QUIT takes no argument");
    this.over = true;
    this.reply(221, `${HOST} Service closing transmission channel`);
    this.close();
  }
}

function receive() {
  const say = (text) => process.stdout.write(Buffer.from(text, "latin1"));
  const session = new Session(say, () => process.stdin.destroy());
  process.stdin.on("data", lines((line) => session.line(line)));
  process.stdout.on("error", () => process.exit());
}

// The sender [10]: one command, one reply; only its first digit decides.
function send(host, port, from, to, file) {
  const text = readFileSync(file, "latin1").replace(/\r\n$/, "");
  const stuffed = text.split("\r\n").map((line) => (line.startsWith(".") ? `.${line}` : line));
  const commands = [`HELO ${HOST}`, `MAIL FROM:<${from}>`, `RCPT TO:<${to}>`, "DATA", null, "QUIT"];
  let step = 0;
  let status = 75; // mail may be tried again
  const socket = connect(Number(port), host);
  const end = (code) => {
    status = code;
    step = commands.length - 1;
  };
  const take = lines((line) => {
    if (step > commands.length || /^\d\d\d-/.test(line)) return;
    if (!/^[2345]\d\d( |$)/.test(line) || line.startsWith("421")) return socket.destroy();
    const digit = Number(line[0]);
    if (step === commands.length) return socket.end();
    if (step === 5 && digit === 2) status = 0;
    const wanted = step === 4 ? 3 : 2;
    if (digit !== wanted) end(digit === 5 ? 1 : 75);
    const command = commands[step++];
    socket.write(command === null ? `${stuffed.join("\r\n")}\r\n.\r\n` : `${command}\r\n`, "latin1");
  });
  socket.on("data", take);
  socket.on("error", () => {});
  socket.setTimeout(30000, () => socket.destroy());
  socket.on("close", () => process.exit(status));
}

const [role = "receive", ...rest] = process.argv.slice(2);
if (role === "send") send(...rest);
else receive();
