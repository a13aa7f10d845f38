// A plain Node Socket.IO server that relays the events of a call: the yardstick of `make bench-signaling`.
//
// What it is: the program one would write with socket.io in an afternoon, in the way its documentation recommends for
// speed (websocket only, no compression, the native mask add-on where it comes ready built, the first HTTP request
// let go). To the two parties of a call it sends the same events at the same moments as the box does.
// What it is not: a telephone system. It keeps everything in memory, believes every token and checks nothing but
// that a body is JSON. No accounts, no timers of a call, no `seq`, no resume, no record. All of that is in its favour.
//
// Usage: node server.mjs --key FILE --cert FILE --users N --presence all|gathered|parties
// Prints `listening https https://127.0.0.1:PORT`, then `ready`. Ends on SIGTERM.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createServer } from "node:https";
import { parseArgs } from "node:util";
import { Server } from "socket.io";

const MAX_BODY_BYTES = 64 * 1024;
const MAX_MESSAGE_BYTES = 128 * 1024;
const RING_ACK_MS = 5_000;
const RING_MS = 30_000;

// Of `--presence gathered`, the rule of the box: a change costs one message per socket. Past a budget of messages that
// refills with time, changes wait their turn, and only the newest of each user goes out.
const GATHER_BURST = 4_000;
const GATHER_PER_MS = 2;

const { values: args } = parseArgs({
  options: {
    key: { type: "string" },
    cert: { type: "string" },
    users: { type: "string", default: "130" },
    presence: { type: "string", default: "all" },
  },
});

/** Users by id. A token is `USER.DEVICE`, for example `u17.2`, and is believed. */
const users = new Map();
for (let n = 0; n < Number(args.users); n += 1) {
  const id = `u${n}`;
  users.set(id, { id, displayName: `User ${n}`, extension: String(100 + n), presence: "offline", told: "offline", sockets: 0 });
}

/** Live calls by id; a call leaves the map when it ends. */
const calls = new Map();

const web = createServer({
  key: readFileSync(args.key),
  cert: readFileSync(args.cert),
  minVersion: "TLSv1.3",
  noDelay: true,
  keepAliveTimeout: 120_000,
});

const io = new Server(web, {
  serveClient: false,
  transports: ["websocket"],
  perMessageDeflate: false,
  httpCompression: false,
  maxHttpBufferSize: MAX_MESSAGE_BYTES,
  pingInterval: 20_000,
  pingTimeout: 10_000,
});

// Recommended by "Memory usage" of the Socket.IO documentation: the request is not needed after the handshake.
io.engine.on("connection", (raw) => {
  raw.request = null;
});

function setPresence(user, presence) {
  if (user.presence === presence) return;
  user.presence = presence;
  if (args.presence === "all") tellEverybody(user);
  else if (args.presence === "gathered") gather(user);
  else io.to(user.id).emit("presence", presenceOf(user));
}

function presenceOf(user) {
  return { userId: user.id, presence: user.presence, doNotDisturb: false };
}

function tellEverybody(user) {
  user.told = user.presence;
  io.emit("presence", presenceOf(user));
}

const untold = new Set();
const budget = { left: GATHER_BURST, at: 0 };
let turn = null;

/** Takes the messages of one change from the budget; gives the milliseconds until they can be had, or 0. */
function spend() {
  const now = Date.now();
  budget.left = Math.min(GATHER_BURST, budget.left + (now - budget.at) * GATHER_PER_MS);
  budget.at = now;
  const cost = Math.min(GATHER_BURST, io.engine.clientsCount);
  if (budget.left < cost) return Math.ceil((cost - budget.left) / GATHER_PER_MS);
  budget.left -= cost;
  return 0;
}

function gather(user) {
  if (user.told === user.presence) return;
  const wait = turn === null ? spend() : 1;
  if (wait === 0) {
    tellEverybody(user);
    return;
  }
  untold.add(user);
  turn ??= setTimeout(tellWaiting, wait);
}

function tellWaiting() {
  turn = null;
  for (const user of untold) {
    if (user.told !== user.presence) {
      const wait = spend();
      if (wait > 0) {
        turn = setTimeout(tellWaiting, wait);
        return;
      }
      tellEverybody(user);
    }
    untold.delete(user);
  }
}

/** Who hears of a call: the caller, and the callee once it rings there. */
function audience(call) {
  return call.rung ? io.to(call.caller.id).to(call.callee.id) : io.to(call.caller.id);
}

function setState(call, state) {
  call.state = state;
  audience(call).emit("call-state", { callId: call.callId, state });
}

/** The box's own media state of a call, as opposed to what a phone reports. */
function setMedia(call, state) {
  audience(call).emit("media-state", { callId: call.callId, state });
}

function initiate(caller, body) {
  const callee = users.get(body.targetUserId);
  const call = {
    callId: randomUUID(),
    roomId: randomUUID(),
    caller,
    callee,
    media: body.media,
    state: "Idle",
    rung: false,
    expiresAt: new Date(Date.now() + RING_MS).toISOString(),
    answeredAt: 0,
    connected: new Set(),
  };
  calls.set(call.callId, call);
  setPresence(caller, "busy");
  setState(call, "Connecting");
  setMedia(call, "Connecting");
  return {
    callId: call.callId,
    roomId: call.roomId,
    state: call.state,
    calleeStatus: callee.sockets > 0 ? "online" : "offline",
    iceServers: [],
    expiresAt: call.expiresAt,
  };
}

function ring(call, offer) {
  const { caller, callee } = call;
  call.rung = true;
  setPresence(callee, "busy");
  const event = {
    callId: call.callId,
    roomId: call.roomId,
    callerId: caller.id,
    caller: { id: caller.id, displayName: caller.displayName, extension: caller.extension },
    media: call.media,
    offer,
    expiresAt: call.expiresAt,
  };
  // The answer to the ring is not used: a relay does not wake phones.
  io.to(callee.id).timeout(RING_ACK_MS).emit("incoming-call", event, () => {});
}

function end(call) {
  calls.delete(call.callId);
  const { callId, roomId, answeredAt } = call;
  setState(call, "Ended");
  setMedia(call, "NoMedia");
  const durationMs = answeredAt === 0 ? 0 : Date.now() - answeredAt;
  audience(call).emit("call-ended", { callId, roomId, reason: "hangup", durationMs });
  setState(call, "Idle");
  setPresence(call.caller, "online");
  setPresence(call.callee, "online");
}

function acceptCall(user, call, { answer }) {
  call.answeredAt = Date.now();
  io.to(call.caller.id).emit("call-accepted", { callId: call.callId, calleeId: user.id, answer });
  setState(call, "Connected");
  setPresence(call.caller, "in_call");
  setPresence(call.callee, "in_call");
}

function mediaState(user, call, { state }) {
  relay(user, call, "media-state", { state });
  if (state === "connected") call.connected.add(user.id);
  if (call.connected.size === 2 && call.state === "Connected") {
    setState(call, "InCall");
    setMedia(call, "Connected");
  }
}

function relay(user, call, name, fields) {
  const other = user === call.caller ? call.callee : call.caller;
  io.to(other.id).emit(name, { callId: call.callId, fromUserId: user.id, ...fields });
}

/** What each event does. Every one is acked by the dispatcher below. */
const handlers = {
  "call-user": (_user, call, { offer }) => ring(call, offer),
  "accept-call": acceptCall,
  "ice-candidate": (user, call, { candidate }) => relay(user, call, "ice-candidate", { candidate }),
  "media-state": mediaState,
  "end-call": (_user, call) => end(call),
};

io.use((socket, next) => {
  const user = users.get(String(socket.handshake.auth.token).split(".")[0]);
  if (!user) return next(new Error("unauthorized"));
  socket.data.user = user;
  return next();
});

io.on("connection", (socket) => {
  const { user } = socket.data;
  user.sockets += 1;
  socket.join(user.id);
  const presence = [];
  for (const u of users.values()) presence.push({ userId: u.id, presence: args.presence === "gathered" ? (u.told ?? "offline") : u.presence, doNotDisturb: false });
  socket.emit("session", { epoch: socket.id, resumed: false, presence, calls: [] });
  if (user.presence === "offline") setPresence(user, "online");

  for (const [name, handle] of Object.entries(handlers)) {
    socket.on(name, (payload, ack) => {
      const call = calls.get(payload.callId);
      if (!call) return ack({ ok: false, error: { code: "not_found", detail: "no such call" } });
      handle(user, call, payload);
      return ack({ ok: true });
    });
  }

  socket.on("disconnect", () => {
    user.sockets -= 1;
    if (user.sockets === 0) setPresence(user, "offline");
  });
});

function answer(response, status, value) {
  const body = JSON.stringify(value);
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(body) });
  response.end(body);
}

web.on("request", (request, response) => {
  if (request.url.startsWith("/socket.io/")) return; // Socket.IO has its own listener
  const user = users.get(String(request.headers.authorization).slice("Bearer ".length).split(".")[0]);
  if (request.method !== "POST" || request.url !== "/api/calls/initiate" || !user) {
    answer(response, 404, { code: "not_found" });
    return;
  }
  const parts = [];
  let bytes = 0;
  request.on("data", (part) => {
    bytes += part.length;
    if (bytes > MAX_BODY_BYTES) request.destroy();
    else parts.push(part);
  });
  request.on("end", () => {
    try {
      answer(response, 201, initiate(user, JSON.parse(Buffer.concat(parts).toString("utf8"))));
    } catch {
      answer(response, 400, { code: "malformed_json" });
    }
  });
});

process.on("SIGTERM", () => {
  io.disconnectSockets(true);
  web.closeAllConnections();
  web.close(() => process.exit(0));
});

web.listen(0, "127.0.0.1", () => {
  console.log(`listening https https://127.0.0.1:${web.address().port}`);
  console.log("ready");
});
