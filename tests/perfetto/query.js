// Loads a trace into Perfetto's own trace processor (the WebAssembly build that its web interface runs) and prints
// the first row of each query as a line of JSON.
//
//   node query.js FOLDER TRACE SQL...
//
// FOLDER holds engine_bundle.js and trace_processor*.wasm. The protocol is trace_processor.proto's TraceProcessorRpc.
"use strict";
const fs = require("fs");
const path = require("path");
const vm = require("vm");
const { MessageChannel } = require("worker_threads");

const [folder, trace, ...queries] = process.argv.slice(2);
const APPEND = 1, FINALIZE = 2, QUERY = 3;

// What the engine expects of a web worker.
globalThis.self = globalThis;
globalThis.location = { href: path.join(folder, "/") };
globalThis.WorkerGlobalScope = Object;
globalThis.importScripts = () => {};
process.type = "renderer";
globalThis.XMLHttpRequest = class {
  open(_, name) {
    this.file = path.join(folder, path.basename(String(name)));
  }
  send() {
    this.response = new Uint8Array(fs.readFileSync(this.file)).buffer;
  }
};
console.warn = () => {};

function varint(number) {
  const bytes = [];
  for (; number >= 128; number = Math.floor(number / 128)) bytes.push((number % 128) | 128);
  return Buffer.from([...bytes, number]);
}

const number = (field, value) => Buffer.concat([varint(field * 8), varint(value)]);
const bytes = (field, value) => Buffer.concat([varint(field * 8 + 2), varint(value.length), value]);

// The fields of a message as [number, value], a value being a number or bytes.
function* fields(message) {
  let at = 0;
  const next = () => {
    let value = 0, scale = 1, byte;
    do {
      byte = message[at++];
      value += (byte & 127) * scale;
      scale *= 128;
    } while (byte & 128);
    return value;
  };
  while (at < message.length) {
    const key = next();
    const size = { 0: 0, 1: 8, 2: -1, 5: 4 }[key & 7];
    if (size === 0) yield [key >> 3, next()];
    else {
      const length = size < 0 ? next() : size;
      yield [key >> 3, message.subarray(at, at + length)];
      at += length;
    }
  }
}

// The first row of a result: numbers come packed, texts one after another with a zero byte behind each.
function row(result, into) {
  for (const [field, value] of fields(result)) {
    if (field === 2) throw new Error(Buffer.from(value).toString());
    if (field !== 3) continue;
    for (const [part, cells] of fields(value)) {
      if (part === 2) {
        for (let at = 0; at < cells.length; ) {
          let cell = 0n, shift = 0n, byte;
          do {
            byte = BigInt(cells[at++]);
            cell |= (byte & 127n) << shift;
            shift += 7n;
          } while (byte & 128n);
          into.push(Number(BigInt.asIntN(64, cell)));
        }
      } else if (part === 5) into.push(...Buffer.from(cells).toString().split("\0").slice(0, -1));
      else if (part === 6 && cells) return true;
    }
  }
  return false;
}

vm.runInThisContext(fs.readFileSync(path.join(folder, "engine_bundle.js"), "utf8"));
const { port1, port2 } = new MessageChannel();
// Node's ports give data alone where a browser's give events.
const port = {
  postMessage: (data) => port2.postMessage(data),
  set onmessage(take) {
    port2.on("message", (data) => take({ data: new Uint8Array(data) }));
  },
};
globalThis.onmessage({ data: port });

let sequence = 0;
const send = (request, ...more) =>
  port1.postMessage(bytes(1, Buffer.concat([number(1, sequence++), number(2, request), ...more])));
const answers = [[]];
port1.on("message", (data) => {
  try {
    for (const [, message] of fields(data)) {
      for (const [field, value] of fields(message)) {
        if (field === 5 || (field === 201 && [...fields(value)].some(([part]) => part === 2)))
          throw new Error(Buffer.from(value).toString());
        if (field === 203 && row(value, answers[answers.length - 1])) answers.push([]);
      }
    }
  } catch (error) {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
  if (answers.length > queries.length) {
    answers.slice(0, -1).forEach((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
    process.exit(0);
  }
});

// The engine's buffer takes requests of at most 32 MB.
setTimeout(() => {
  const whole = fs.readFileSync(trace);
  for (let at = 0; at < whole.length; at += 1 << 24) send(APPEND, bytes(101, whole.subarray(at, at + (1 << 24))));
  send(FINALIZE);
  for (const query of queries) send(QUERY, bytes(103, bytes(1, Buffer.from(query))));
}, Number(process.env.CONLAB_ENGINE_START_MS ?? 1500));
