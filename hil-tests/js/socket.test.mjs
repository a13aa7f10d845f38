// The official Socket.IO client, unchanged, makes a call through each of its transports.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { io } from "socket.io-client";
import { Box, within } from "./box.mjs";

const SOON_MS = 5_000;
const SDP = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]];

let box;
let admin;

before(async () => {
  box = await Box.start();
  admin = await box.setUp();
});

after(async () => {
  assert.equal(await box.stop(), 0);
});

/** A phone that keeps what it hears, so that an event is never missed between two lines of a test. */
class Phone {
  constructor(login, transports) {
    this.login = login;
    this.heard = [];
    this.waiting = new Set();
    this.socket = io(box.https, { auth: { token: login.accessToken }, transports, ca: box.ca, reconnection: false, forceNew: true });
    this.socket.onAny((name, payload, ack) => {
      this.heard.push({ name, payload });
      if (typeof ack === "function") ack({ ok: true });
      for (const look of this.waiting) look();
    });
  }

  expect(name, fields = {}) {
    const found = new Promise((resolve) => {
      const look = () => {
        const at = this.heard.findIndex(
          (event) => event.name === name && Object.entries(fields).every(([key, value]) => event.payload[key] === value),
        );
        if (at < 0) return;
        this.waiting.delete(look);
        resolve(this.heard.splice(at, 1)[0].payload);
      };
      this.waiting.add(look);
      look();
    });
    return within(SOON_MS, `${name} ${JSON.stringify(fields)}; heard ${this.heard.map((event) => event.name)}`, found);
  }

  async ask(name, payload) {
    const ack = await this.socket.timeout(SOON_MS).emitWithAck(name, payload);
    assert.ok(ack.ok, `${name}: ${JSON.stringify(ack)}`);
  }

  close() {
    this.socket.disconnect();
  }
}

for (const [number, transports] of TRANSPORTS.entries()) {
  test(`a call over ${transports.join(" and then ")}`, async (t) => {
    const phones = await Promise.all(
      ["alice", "bob"].map(async (name) => new Phone(await box.user(admin, `${name}${number}`), transports)),
    );
    t.after(() => phones.forEach((phone) => phone.close()));
    const [alice, bob] = phones;
    for (const phone of phones) assert.equal((await phone.expect("session")).resumed, false);

    const { callId } = await box.rest("POST", "/api/calls/initiate", {
      token: alice.login.accessToken,
      body: { targetUserId: bob.login.user.id, media: { audio: true, video: false } },
    });
    await alice.ask("call-user", { callId, targetUserId: bob.login.user.id, offer: { type: "offer", sdp: SDP } });
    assert.equal((await bob.expect("incoming-call", { callId })).offer.sdp, SDP);
    await bob.ask("accept-call", { callId, answer: { type: "answer", sdp: SDP } });
    assert.equal((await alice.expect("call-accepted", { callId })).answer.sdp, SDP);
    await alice.ask("ice-candidate", { callId, candidate: { candidate: "candidate:1 1 udp 1 192.0.2.1 9 typ host", sdpMid: "0" } });
    await bob.expect("ice-candidate", { callId });
    for (const phone of phones) await phone.ask("media-state", { callId, state: "connected" });
    for (const phone of phones) await phone.expect("call-state", { callId, state: "InCall" });
    await bob.ask("end-call", { callId });
    for (const phone of phones) assert.equal((await phone.expect("call-ended", { callId })).reason, "hangup");

    const { items } = await box.rest("GET", "/api/calls", { token: alice.login.accessToken });
    assert.deepEqual(items.map((item) => [item.callId, item.outcome]), [[callId, "answered"]]);
  });
}

test("a bad token is refused with its code in the message", async (t) => {
  const socket = io(box.https, { auth: { token: "x" }, ca: box.ca, reconnection: false, forceNew: true });
  t.after(() => socket.disconnect());
  const error = await within(SOON_MS, "connect_error", new Promise((resolve) => socket.once("connect_error", resolve)));
  assert.equal(error.message, "unauthorized");
});

test("an oversize message through polling gets a code, not a closed socket", async (t) => {
  const phone = new Phone(await box.user(admin, "big"), ["polling"]);
  t.after(() => phone.close());
  await phone.expect("session");
  const ack = await phone.socket.timeout(SOON_MS).emitWithAck("call-user", {
    callId: "x",
    targetUserId: "x",
    offer: { type: "offer", sdp: SDP + "x".repeat(140 * 1024) },
  });
  assert.equal(ack.error.code, "payload_too_large");
  await phone.ask("app-state", { state: "foreground" });
});
