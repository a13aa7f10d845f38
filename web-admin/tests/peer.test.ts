import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Description, MediaReport } from "../src/api/events";
import { GIVE_UP_MS, Peer } from "../src/media/peer";
import { FakeConnection } from "./fake-connection";

class Side {
  readonly pc: FakeConnection;
  readonly peer: Peer;
  readonly candidates: (RTCIceCandidateInit | null)[] = [];
  readonly sent: Description[] = [];
  readonly reports: MediaReport[] = [];
  signalling = true;
  /** Where descriptions go; null loses them. */
  other: Side | null = null;

  constructor(name: string, polite: boolean) {
    this.pc = new FakeConnection(name);
    this.peer = new Peer(
      { polite, iceServers: [], create: () => this.pc as unknown as RTCPeerConnection },
      {
        renegotiate: async (description) => {
          this.sent.push(description);
          await this.other?.peer.described(description);
        },
        candidate: (candidate) => this.candidates.push(candidate),
        report: (state) => this.reports.push(state),
        remoteStream: () => {},
        canSignal: () => this.signalling,
      },
    );
  }
}

/** A caller and a callee after the first offer and answer, both connected. */
async function connected(): Promise<{ caller: Side; callee: Side }> {
  const caller = new Side("caller", false);
  const callee = new Side("callee", true);
  const offer = await caller.peer.firstOffer();
  caller.peer.sent();
  const answer = await callee.peer.firstAnswer(offer);
  callee.peer.sent();
  await caller.peer.accepted(answer);
  caller.other = callee;
  callee.other = caller;
  caller.pc.becomes("connected");
  callee.pc.becomes("connected");
  return { caller, callee };
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

describe("first offer and answer", () => {
  test("own candidates wait until the description has been sent, and end with null", async () => {
    const caller = new Side("caller", false);
    await caller.peer.firstOffer();
    caller.pc.gathers("candidate:1");
    expect(caller.candidates).toEqual([]);
    caller.peer.sent();
    caller.pc.gathers("candidate:2", "", null);
    expect(caller.candidates.map((one) => one?.candidate ?? null)).toEqual(["candidate:1", "candidate:2", null]);
  });

  test("the other side's candidates wait for its description", async () => {
    const callee = new Side("callee", true);
    await callee.peer.remoteCandidate({ candidate: "candidate:9" });
    expect(callee.pc.candidates).toEqual([]);
    await callee.peer.firstAnswer({ type: "offer", sdp: "v=0" });
    expect(callee.pc.candidates).toEqual([{ candidate: "candidate:9" }]);
  });

  test("a repeated answer is ignored", async () => {
    const { caller } = await connected();
    await caller.peer.accepted({ type: "answer", sdp: "v=0 again" });
    expect(caller.pc.remoteDescription?.sdp).toBe("v=0 callee generation 0");
  });

  test("adding tracks before the first offer asks for no renegotiation", async () => {
    const caller = new Side("caller", false);
    caller.pc.onnegotiationneeded?.();
    await settle();
    expect(caller.sent).toEqual([]);
  });
});

describe("reports", () => {
  test("connected once, then lost and reconnected", async () => {
    const { caller } = await connected();
    caller.pc.becomes("connected");
    caller.pc.becomes("disconnected");
    caller.pc.becomes("disconnected");
    caller.pc.becomes("connected");
    expect(caller.reports).toEqual(["connected", "lost", "reconnected"]);
  });

  test("failed after 30 seconds without media, and not before", async () => {
    const { caller } = await connected();
    caller.pc.becomes("disconnected");
    await vi.advanceTimersByTimeAsync(GIVE_UP_MS - 1);
    expect(caller.reports).toEqual(["connected", "lost"]);
    await vi.advanceTimersByTimeAsync(1);
    expect(caller.reports.at(-1)).toBe("failed");
  });

  test("ringing does not count: the 30 seconds begin with the answer", async () => {
    const caller = new Side("caller", false);
    await caller.peer.firstOffer();
    await vi.advanceTimersByTimeAsync(GIVE_UP_MS * 2);
    expect(caller.reports).toEqual([]);
    await caller.peer.accepted({ type: "answer", sdp: "v=0" });
    await vi.advanceTimersByTimeAsync(GIVE_UP_MS);
    expect(caller.reports).toEqual(["failed"]);
  });

  test("nothing after it was closed", async () => {
    const { caller } = await connected();
    caller.peer.close();
    caller.pc.becomes("failed");
    await vi.advanceTimersByTimeAsync(GIVE_UP_MS * 2);
    expect(caller.reports).toEqual(["connected"]);
  });
});

describe("ICE restart", () => {
  test("waits two seconds after disconnected", async () => {
    const { caller, callee } = await connected();
    caller.pc.becomes("disconnected");
    await vi.advanceTimersByTimeAsync(1_999);
    expect(caller.pc.restarts).toBe(0);
    await vi.advanceTimersByTimeAsync(1);
    expect(caller.pc.restarts).toBe(1);
    expect(callee.pc.remoteDescription?.sdp).toBe("v=0 caller generation 1");
    expect(caller.pc.signalingState).toBe("stable");
  });

  test("a connection that comes back by itself is left alone", async () => {
    const { caller } = await connected();
    caller.pc.becomes("disconnected");
    caller.pc.becomes("connected");
    await vi.advanceTimersByTimeAsync(60_000);
    expect(caller.pc.restarts).toBe(0);
  });

  test("starts at once after failed, and again every five seconds", async () => {
    const { caller } = await connected();
    caller.pc.becomes("failed");
    expect(caller.pc.restarts).toBe(1);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(caller.pc.restarts).toBe(2);
    caller.pc.becomes("connected");
    await vi.advanceTimersByTimeAsync(20_000);
    expect(caller.pc.restarts).toBe(2);
  });

  test("waits for the socket, then starts at once", async () => {
    const { caller } = await connected();
    caller.signalling = false;
    caller.pc.becomes("failed");
    await vi.advanceTimersByTimeAsync(6_000);
    expect(caller.pc.restarts).toBe(0);
    caller.signalling = true;
    caller.peer.signalling();
    await settle();
    expect(caller.pc.restarts).toBe(1);
    expect(caller.sent.map((one) => one.type)).toEqual(["offer"]);
  });

  test("an offer that got no answer is sent again instead of waiting forever", async () => {
    const { caller, callee } = await connected();
    caller.other = null;
    caller.pc.becomes("failed");
    await settle();
    expect(caller.pc.signalingState).toBe("have-local-offer");
    caller.other = callee;
    await vi.advanceTimersByTimeAsync(5_000);
    expect(caller.sent).toHaveLength(2);
    expect(caller.sent[1]).toEqual(caller.sent[0]);
    expect(caller.pc.signalingState).toBe("stable");
  });
});

describe("two offers at the same moment", () => {
  test("the callee gives way and the caller's offer wins", async () => {
    const { caller, callee } = await connected();
    // Both offers are on their way before either arrives.
    caller.other = null;
    callee.other = null;
    caller.peer.restart();
    callee.peer.restart();
    await settle();
    const [fromCaller, fromCallee] = [caller.sent[0], callee.sent[0]];
    expect([fromCaller?.type, fromCallee?.type]).toEqual(["offer", "offer"]);
    caller.other = callee;
    callee.other = caller;
    await caller.peer.described(fromCallee as Description);
    expect(caller.pc.signalingState).toBe("have-local-offer");
    await callee.peer.described(fromCaller as Description);
    expect([caller.pc.signalingState, callee.pc.signalingState]).toEqual(["stable", "stable"]);
    expect(caller.pc.remoteDescription?.type).toBe("answer");
    expect(callee.pc.remoteDescription).toEqual(fromCaller);
  });

  test("an answer that nothing waits for is ignored", async () => {
    const { callee } = await connected();
    const before = callee.pc.remoteDescription;
    await callee.peer.described({ type: "answer", sdp: "v=0 stray" });
    expect(callee.pc.remoteDescription).toBe(before);
  });
});
