import { describe, expect, test } from "vitest";
import { incoming, isJoined, isLive, outgoing, step, type CallEvent, type PhoneCall } from "../src/state/call-machine";

const PEER = { id: "u2", displayName: "Zoë Ünal", extension: "102" };
const VIDEO = { audio: true, video: true };

function run(call: PhoneCall, ...events: CallEvent[]): PhoneCall {
  return events.reduce(step, call);
}

const initiated: CallEvent = { type: "initiated", callId: "c1", state: "Connecting", calleeStatus: "online" };
const state = (word: PhoneCall["state"], at = 0): CallEvent => ({ type: "box-state", state: word, error: null, at });

describe("an outgoing call", () => {
  test("goes from preparing to talking", () => {
    let call = outgoing(PEER, VIDEO);
    expect([call.phase, call.state]).toEqual(["preparing", "Idle"]);
    call = run(call, initiated);
    expect([call.phase, call.state, call.callId]).toEqual(["calling", "Connecting", "c1"]);
    expect(isJoined(call)).toBe(false);
    call = run(call, { type: "accepted", at: 1_000 });
    expect([call.phase, call.state, call.answeredAt]).toEqual(["joining", "Connected", 1_000]);
    call = run(call, state("InCall", 1_500));
    expect([call.phase, call.answeredAt]).toEqual(["talking", 1_000]);
    expect(isJoined(call)).toBe(true);
  });

  test("call-state Connected may come before call-accepted", () => {
    const call = run(outgoing(PEER, VIDEO), initiated, state("Connected", 700), { type: "accepted", at: 900 });
    expect([call.phase, call.answeredAt]).toEqual(["joining", 700]);
  });

  test("learns that the callee's phone was woken", () => {
    const offline: CallEvent = { ...initiated, calleeStatus: "offline" };
    expect(run(outgoing(PEER, VIDEO), offline).calleeStatus).toBe("offline");
    expect(run(outgoing(PEER, VIDEO), offline, { type: "coming-online" }).calleeStatus).toBe("online");
  });

  test("that fails before it was answered lasts no time", () => {
    const call = run(outgoing(PEER, VIDEO), { type: "failed", code: "callee_busy", at: 5_000 });
    expect(call.over).toEqual({ reason: null, code: "callee_busy", durationMs: 0 });
    expect(isLive(call)).toBe(false);
  });
});

describe("an incoming call", () => {
  test("rings, is answered and ends", () => {
    let call = incoming("c1", PEER, VIDEO);
    expect([call.phase, call.state]).toEqual(["ringing", "Connecting"]);
    call = run(call, { type: "accepting" }, { type: "accepted", at: 10 }, state("InCall", 20));
    expect(call.phase).toBe("talking");
    call = run(call, { type: "ended", reason: "hangup", durationMs: 4_000 });
    expect(call.over).toEqual({ reason: "hangup", code: null, durationMs: 4_000 });
  });

  test("goes on ringing when another device answers, until it is told the end", () => {
    const call = run(incoming("c1", PEER, VIDEO), state("Connected"));
    expect(call.phase).toBe("ringing");
    expect(run(call, { type: "ended", reason: "answered_elsewhere", durationMs: 0 }).over?.reason).toBe("answered_elsewhere");
  });
});

describe("a running call", () => {
  const talking = run(outgoing(PEER, VIDEO), initiated, { type: "accepted", at: 0 }, state("InCall"));

  test("comes back only when the box says InCall again", () => {
    let call = run(talking, { type: "media-lost" });
    expect(call.phase).toBe("reconnecting");
    call = run(call, state("Reconnecting"), { type: "media-back" });
    expect(call.phase).toBe("reconnecting");
    expect(run(call, state("InCall")).phase).toBe("talking");
  });

  test("a short loss that the box never noticed ends with the media", () => {
    expect(run(talking, { type: "media-lost" }, { type: "media-back" }).phase).toBe("talking");
  });

  test("keeps its end: nothing that comes later brings it back", () => {
    const over = run(talking, { type: "ended", reason: "hangup", durationMs: 9 });
    for (const event of [state("Idle"), initiated, { type: "accepted", at: 5 } as const, { type: "media-back" } as const]) {
      expect(step(over, event)).toBe(over);
    }
    expect(run(over, state("Ended")).phase).toBe("over");
    expect(run(over, state("Ended")).state).toBe("Ended");
    expect(run(over, state("Ended"), state("Idle")).state).toBe("Ended");
  });

  test("shows why the box ended it", () => {
    const call = run(talking, { type: "failed", code: "NetworkError", at: 30_000 }, { type: "box-state", state: "Error", error: "PermissionError", at: 0 }, { type: "ended", reason: "error", durationMs: 29_000 });
    expect([call.error, call.over?.reason, call.over?.durationMs]).toEqual(["PermissionError", "error", 29_000]);
  });
});

test("a failure of the call itself is the state Error, a refusal before it is none", () => {
  const network = run(outgoing(PEER, VIDEO), initiated, { type: "failed", code: "NetworkError", at: 1 });
  expect([network.state, network.error]).toEqual(["Error", "NetworkError"]);
  const busy = run(outgoing(PEER, VIDEO), { type: "failed", code: "callee_busy", at: 1 });
  expect([busy.state, busy.error]).toEqual(["Idle", null]);
});

test("events that do not fit the phase change nothing", () => {
  const ringing = incoming("c1", PEER, VIDEO);
  for (const event of [initiated, { type: "accepted", at: 1 } as const, { type: "coming-online" } as const, { type: "media-lost" } as const]) {
    expect(step(ringing, event)).toBe(ringing);
  }
});
