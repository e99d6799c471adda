// A Node service: 0.3 ms of JavaScript, then a job of 12 ms (or MS) on one of a few worker threads, which all requests share.
//
//   node node.mjs PORT SPANS WORKERS [MS]
//
// Ends with SIGTERM and then writes its spans as OTLP JSON.

import dgram from "node:dgram";
import fs from "node:fs";
import { Worker } from "node:worker_threads";

const [port, out, size] = [Number(process.argv[2]), process.argv[3], Number(process.argv[4])];
const mean = Number(process.argv[5] ?? 12);
const now = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e3)) * 1000n;

function spin(turns) {
  let total = 0;
  for (let turn = 0; turn < turns; turn++) total = (total * 31 + turn) % 1000003;
  return total;
}

function turnsFor(ms) {
  let best = Infinity;
  for (let round = 0; round < 40; round++) {
    const begin = performance.now();
    spin(50_000);
    best = Math.min(best, performance.now() - begin);
  }
  return Math.round((50_000 * ms) / best);
}

// Between half and one and a half times the mean, by the request's number alone.
function around(mean, number) {
  let x = Math.imul(number + 1, 0x9e3779b1) >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x85ebca6b) >>> 0;
  x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35) >>> 0;
  return mean * (0.5 + (x ^ (x >>> 16)) / 2 ** 32 + ((x ^ (x >>> 16)) < 0 ? 1 : 0));
}

const job = `
const { parentPort } = require("node:worker_threads");
const cell = new Int32Array(new SharedArrayBuffer(4));
parentPort.on("message", (ms) => { Atomics.wait(cell, 0, 0, ms); parentPort.postMessage(0); });
`;
const idle = Array.from({ length: size }, () => new Worker(job, { eval: true }));
const waiting = [];

function give(request) {
  const worker = idle.pop();
  request.taken = now();
  worker.once("message", () => {
    request.released = now();
    idle.push(worker);
    if (waiting.length > 0) give(waiting.shift());
    answer(request);
  });
  worker.postMessage(around(mean, request.number));
}

const turns = turnsFor(0.3);
const handled = [];
const plug = dgram.createSocket({ type: "udp4", recvBufferSize: 4 << 20 });

function answer(request) {
  plug.send(request.text, request.client.port, request.client.address);
  request.end = now();
  handled.push(request);
}

plug.on("message", (text, client) => {
  const start = now();
  const [number, , sent] = text.toString().split(" ");
  const begin = performance.now();
  spin(turns);
  const work = Math.round((performance.now() - begin) * 1e6);
  const request = { text, client, number: Number(number), sent: BigInt(sent), start, work, asked: now() };
  if (idle.length > 0) give(request);
  else waiting.push(request);
});

process.on("SIGTERM", () => {
  const integer = (key, value) => ({ key: "conlab." + key, value: { intValue: String(value < 0 ? 0 : value) } });
  const word = (key, value) => ({ key, value: { stringValue: value } });
  const attributes = [
    word("service.name", "node-service"),
    word("process.runtime.name", "nodejs"),
    word("conlab.scheduling", "async"),
    integer("workers", 1),
  ];
  const lines = handled.map((one) => {
    const traceId = (one.number + 1).toString(16).padStart(32, "0");
    const span = (id, parentSpanId, name, kind, start, end, said) =>
      ({ traceId, spanId: id, parentSpanId, name, kind, startTimeUnixNano: String(start), endTimeUnixNano: String(end), attributes: said });
    const spans = [
      span("a", "", "request", 2, one.start, one.end, [integer("queued_ns", one.start - one.sent), integer("cpu_ns", one.work)]),
      span("b", "a", "job", 1, one.taken, one.released, [
        word("conlab.resource", "workers"), word("conlab.resource.kind", "pool"), integer("waited_ns", one.taken - one.asked), integer("cpu_ns", 0),
      ]),
    ];
    return JSON.stringify({ resourceSpans: [{ resource: { attributes }, scopeSpans: [{ spans }] }] });
  });
  fs.writeFileSync(out, lines.join("\n") + "\n");
  process.exit(0);
});

plug.bind(port, "127.0.0.1", () => console.log("ready"));
