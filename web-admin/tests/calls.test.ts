import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { Client } from "../src/api/client";
import type { BoxEvent, BoxEvents } from "../src/api/events";
import { Problem } from "../src/api/problem";
import { CaptureFault } from "../src/media/capture";
import { Peer } from "../src/media/peer";
import { Calls, type Equipment, type Wire } from "../src/state/calls";
import type { KeptCall } from "../src/state/call-machine";
import { notices } from "../src/state/notice";
import { FakeConnection } from "./fake-connection";

const ZOE = { id: "zoe", displayName: "Zoë Ünal", extension: "102" };
const AUDIO = { audio: true, video: false };

class FakeTrack {
  enabled = true;
  stopped = false;
  constructor(readonly kind: "audio" | "video") {}
  stop(): void {
    this.stopped = true;
  }
}

class FakeStream {
  constructor(readonly tracks: FakeTrack[]) {}
  getTracks = () => this.tracks;
  getAudioTracks = () => this.tracks.filter((track) => track.kind === "audio");
  getVideoTracks = () => this.tracks.filter((track) => track.kind === "video");
}

/** A phone whose box and browser are scripted. */
class Desk {
  readonly sent: [string, Record<string, unknown>][] = [];
  readonly pcs: FakeConnection[] = [];
  readonly streams: FakeStream[] = [];
  readonly calls: Calls;
  refuse: CaptureFault | null = null;
  answers: Record<string, (input: unknown) => unknown> = {
    initiateCall: () => ({ callId: "c1", roomId: "r1", state: "Connecting", calleeStatus: "online", iceServers: [], expiresAt: "" }),
    iceServers: () => ({ iceServers: [] }),
  };
  /** Events the box answers with an error. */
  refusals: Record<string, string> = {};
  line = "online";
  kept: KeptCall | null = null;
  #heard = new Map<string, ((payload: never) => void)[]>();

  constructor() {
    const client = {
      call: async (name: string, input: unknown) => {
        const answer = this.answers[name];
        if (!answer) throw new Problem("not_found", 404);
        return answer(input);
      },
    } as unknown as Client;
    const deliver = async (event: string, payload: Record<string, unknown>) => {
      this.sent.push([event, payload]);
      const code = this.refusals[event];
      if (code) throw new Problem(code);
    };
    const desk = this;
    const wire = {
      get line() {
        return desk.line;
      },
      on: (event: string, heard: (payload: never) => void) => void this.#heard.set(event, [...(this.#heard.get(event) ?? []), heard]),
      send: deliver,
      deliver,
    } as unknown as Wire;
    const equipment: Equipment = {
      capture: async (media) => {
        if (this.refuse) throw this.refuse;
        const stream = new FakeStream([new FakeTrack("audio"), ...(media.video ? [new FakeTrack("video")] : [])]);
        this.streams.push(stream);
        return { stream: stream as unknown as MediaStream, cameraFault: null };
      },
      captureCamera: async () => new FakeTrack("video") as unknown as MediaStreamTrack,
      createPeer: (options, hooks) => {
        const pc = new FakeConnection(options.polite ? "callee" : "caller");
        this.pcs.push(pc);
        return new Peer({ ...options, create: () => pc as unknown as RTCPeerConnection }, hooks);
      },
      sample: async () => ({ type: "unknown" }),
      applyQuality: vi.fn(async () => {}),
      now: () => Date.now(),
      keep: (call) => {
        this.kept = call;
      },
      kept: () => this.kept,
    };
    this.calls = new Calls(client, wire, equipment);
  }

  async box<E extends BoxEvent>(event: E, payload: Partial<BoxEvents[E]>): Promise<void> {
    for (const heard of this.#heard.get(event) ?? []) heard(payload as never);
    await vi.advanceTimersByTimeAsync(0);
  }

  get phase(): string | undefined {
    return this.calls.call.value?.phase;
  }

  names(): string[] {
    return this.sent.map(([event]) => event).filter((event) => event !== "network-quality");
  }

  async ring(callId = "c9"): Promise<void> {
    await this.box("incoming-call", { callId, caller: ZOE, callerId: "zoe", media: AUDIO, offer: { type: "offer", sdp: "v=0 theirs" } });
  }
}

let desk: Desk;
beforeEach(() => {
  vi.useFakeTimers();
  notices.value = [];
  desk = new Desk();
});
afterEach(() => void vi.useRealTimers());

describe("calling", () => {
  test("offers, trickles after the offer, and reports connected once", async () => {
    await desk.calls.dial(ZOE, AUDIO);
    expect(desk.phase).toBe("calling");
    expect(desk.sent[0]).toEqual(["call-user", { callId: "c1", targetUserId: "zoe", offer: { type: "offer", sdp: "v=0 caller generation 0" } }]);
    desk.pcs[0]?.gathers("candidate:1", null);
    await desk.box("call-accepted", { callId: "c1", answer: { type: "answer", sdp: "v=0 answer" } });
    expect(desk.phase).toBe("joining");
    desk.pcs[0]?.becomes("connected");
    await desk.box("call-state", { callId: "c1", state: "InCall" });
    expect(desk.phase).toBe("talking");
    expect(desk.names()).toEqual(["call-user", "ice-candidate", "ice-candidate", "media-state"]);
    expect(desk.sent.at(-1)).toEqual(["media-state", { callId: "c1", state: "connected" }]);
  });

  test("does not bother the box when the microphone is refused", async () => {
    desk.refuse = new CaptureFault("PermissionError", "refused");
    await desk.calls.dial(ZOE, AUDIO);
    expect(desk.calls.call.value?.over?.code).toBe("PermissionError");
    expect(desk.names()).toEqual([]);
    expect(notices.value[0]?.key).toBe("capture.refused");
  });

  test("shows the box's reason when it may not call", async () => {
    desk.answers["initiateCall"] = () => {
      throw new Problem("do_not_disturb", 409);
    };
    await desk.calls.dial(ZOE, AUDIO);
    expect(desk.calls.call.value?.over?.code).toBe("do_not_disturb");
    expect(desk.streams[0]?.tracks.every((track) => track.stopped)).toBe(true);
  });

  test("hung up while the box is asked: the call that arrives late is ended", async () => {
    let give: (value: unknown) => void = () => {};
    desk.answers["initiateCall"] = () => new Promise((resolve) => (give = resolve));
    const dialing = desk.calls.dial(ZOE, AUDIO);
    await vi.advanceTimersByTimeAsync(0);
    await desk.calls.hangUp();
    give({ callId: "late", roomId: "r", state: "Connecting", calleeStatus: "online", iceServers: [] });
    await dialing;
    expect(desk.sent).toEqual([["end-call", { callId: "late" }]]);
    expect(desk.pcs).toHaveLength(0);
  });

  test("an end from the box releases microphone and connection, and the screen clears", async () => {
    await desk.calls.dial(ZOE, AUDIO);
    await desk.box("call-ended", { callId: "c1", reason: "timeout", durationMs: 0 });
    expect(desk.calls.call.value?.over?.reason).toBe("timeout");
    expect(desk.streams[0]?.tracks.every((track) => track.stopped)).toBe(true);
    expect(desk.pcs[0]?.closed).toBe(true);
    await vi.advanceTimersByTimeAsync(5_000);
    expect(desk.calls.call.value).toBeNull();
  });
});

describe("being called", () => {
  test("accepts, answers and uses candidates that came while it rang", async () => {
    await desk.ring();
    await desk.box("ice-candidate", { callId: "c9", candidate: { candidate: "candidate:early" } });
    await desk.calls.accept();
    expect(desk.names()).toEqual(["accept-call"]);
    expect(desk.phase).toBe("joining");
    expect(desk.pcs[0]?.candidates).toEqual([{ candidate: "candidate:early" }]);
  });

  test("rejects", async () => {
    await desk.ring();
    await desk.calls.reject();
    expect(desk.sent).toEqual([["reject-call", { callId: "c9" }]]);
    expect(desk.phase).toBe("over");
  });

  test("tells the caller why there is no sound when the microphone is refused", async () => {
    desk.refuse = new CaptureFault("PermissionError", "refused");
    await desk.ring();
    await desk.calls.accept();
    expect(desk.names()).toEqual(["accept-call", "media-state"]);
    expect(desk.sent.at(-1)?.[1]).toEqual({ callId: "c9", state: "failed", error: "PermissionError" });
    expect(notices.value[0]?.key).toBe("capture.refused");
  });

  test("another device was quicker", async () => {
    desk.refusals["accept-call"] = "already_answered";
    await desk.ring();
    await desk.calls.accept();
    expect(desk.calls.call.value?.over?.code).toBe("already_answered");
    expect(desk.pcs[0]?.closed).toBe(true);
  });

  test("a second call leaves the first alone", async () => {
    await desk.ring("first");
    await desk.ring("second");
    expect(desk.calls.call.value?.callId).toBe("first");
  });
});

describe("glare", () => {
  const glare = () => {
    throw new Problem("glare", 409, "", [], null, "c9");
  };

  test("their call is accepted without asking when it comes after the answer", async () => {
    desk.answers["initiateCall"] = glare;
    await desk.calls.dial(ZOE, AUDIO);
    expect(desk.phase).toBe("preparing");
    await desk.ring("c9");
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.names()).toEqual(["accept-call"]);
    expect(desk.streams).toHaveLength(1);
  });

  test("and when it came before the answer", async () => {
    let fail: (error: Problem) => void = () => {};
    desk.answers["initiateCall"] = () => new Promise((_, reject) => (fail = reject));
    const dialing = desk.calls.dial(ZOE, AUDIO);
    await vi.advanceTimersByTimeAsync(0);
    await desk.ring("c9");
    fail(new Problem("glare", 409, "", [], null, "c9"));
    await dialing;
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.names()).toEqual(["accept-call"]);
    expect(desk.calls.call.value?.callId).toBe("c9");
  });

  test("ends when their call ends first", async () => {
    desk.answers["initiateCall"] = glare;
    await desk.calls.dial(ZOE, AUDIO);
    await desk.box("call-ended", { callId: "c9", reason: "cancelled", durationMs: 0 });
    expect(desk.phase).toBe("over");
  });
});

describe("a lost connection", () => {
  async function talking(): Promise<FakeConnection> {
    await desk.calls.dial(ZOE, AUDIO);
    await desk.box("call-accepted", { callId: "c1", answer: { type: "answer", sdp: "v=0" } });
    const pc = desk.pcs[0] as FakeConnection;
    pc.becomes("connected");
    await desk.box("call-state", { callId: "c1", state: "InCall" });
    desk.sent.length = 0;
    return pc;
  }

  test("media lost and back is reported in order", async () => {
    const pc = await talking();
    pc.becomes("disconnected");
    expect(desk.phase).toBe("reconnecting");
    pc.becomes("connected");
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.sent.filter(([event]) => event === "media-state").map(([, payload]) => payload["state"])).toEqual(["lost", "reconnected"]);
  });

  test.each([true, false])("a new socket (resumed: %s) goes on with the call and restarts ICE", async (resumed) => {
    const pc = await talking();
    const call = { callId: "c1", state: "InCall" } as BoxEvents["session"]["calls"][number];
    await desk.box("session", { epoch: "e", resumed, presence: [], calls: resumed ? [] : [call] });
    expect(desk.phase).toBe("talking");
    expect(pc.restarts).toBe(1);
    expect(desk.names()).toEqual(["renegotiate"]);
  });

  test("a call that the box no longer knows is over, with its true end", async () => {
    await talking();
    desk.answers["getCall"] = () => ({ callId: "c1", endReason: "hangup", durationMs: 7_000 });
    await desk.box("session", { epoch: "e2", resumed: false, presence: [], calls: [] });
    expect(desk.calls.call.value?.over).toEqual({ reason: "hangup", code: null, durationMs: 7_000 });
  });

  test("given up after 30 seconds, and the box is told", async () => {
    const pc = await talking();
    pc.becomes("failed");
    await vi.advanceTimersByTimeAsync(30_000);
    expect(desk.sent.filter(([event]) => event === "media-state").at(-1)?.[1]).toEqual({ callId: "c1", state: "failed", error: "NetworkError" });
    expect(desk.calls.call.value?.over?.code).toBe("NetworkError");
  });

  test("the worse of both ends' levels counts", async () => {
    await talking();
    const settings = { width: 1280, height: 720, frameRate: 24, maxKbps: 1500 };
    await desk.box("quality", { callId: "c1", level: "high", settings });
    expect(desk.calls.call.value?.level).toBe("high");
    await desk.box("quality", { callId: "c1", fromUserId: "zoe", level: "low", settings });
    await desk.box("quality", { callId: "c1", level: "medium", settings });
    expect(desk.calls.call.value?.level).toBe("low");
  });
});

describe("a page that is loaded again", () => {
  const kept: KeptCall = { callId: "c1", direction: "outgoing", peer: ZOE, media: AUDIO, answeredAt: 5 };
  const running = { callId: "c1", state: "InCall" } as BoxEvents["session"]["calls"][number];

  test("comes back into its call with a new connection", async () => {
    desk.kept = kept;
    await desk.box("session", { epoch: "e", resumed: false, presence: [], calls: [running] });
    expect(desk.phase).toBe("reconnecting");
    expect(desk.names()).toEqual(["media-state", "renegotiate"]);
    expect(desk.sent[0]?.[1]).toEqual({ callId: "c1", state: "lost" });
    // An offer for the connection that is gone is not taken for an answer.
    await desk.box("renegotiate", { callId: "c1", description: { type: "offer", sdp: "v=0 stale" } });
    expect(desk.pcs[0]?.signalingState).toBe("have-local-offer");
    await desk.box("renegotiate", { callId: "c1", description: { type: "answer", sdp: "v=0 new" } });
    desk.pcs[0]?.becomes("connected");
    await desk.box("call-state", { callId: "c1", state: "InCall" });
    expect([desk.phase, desk.calls.call.value?.answeredAt]).toEqual(["talking", 5]);
    expect(desk.sent.at(-1)).toEqual(["media-state", { callId: "c1", state: "reconnected" }]);
  });

  test("leaves alone what is over or runs on another device", async () => {
    desk.kept = kept;
    await desk.box("session", { epoch: "e", resumed: false, presence: [], calls: [{ ...running, callId: "other" }] });
    expect([desk.phase, desk.kept, desk.names()]).toEqual([undefined, null, []]);
  });

  test("is met with a new connection on the other side", async () => {
    await desk.calls.dial(ZOE, AUDIO);
    await desk.box("call-accepted", { callId: "c1", answer: { type: "answer", sdp: "v=0\r\na=fingerprint:sha-256 AA" } });
    desk.pcs[0]?.becomes("connected");
    await desk.box("call-state", { callId: "c1", state: "InCall" });
    expect(desk.kept?.callId).toBe("c1");
    desk.sent.length = 0;
    // The same keys are a restart of the same connection, other keys are another one.
    await desk.box("renegotiate", { callId: "c1", description: { type: "offer", sdp: "v=0\r\na=fingerprint:sha-256 AA" } });
    expect(desk.pcs).toHaveLength(1);
    await desk.box("renegotiate", { callId: "c1", description: { type: "offer", sdp: "v=0\r\na=fingerprint:sha-256 BB" } });
    expect(desk.pcs).toHaveLength(2);
    expect([desk.pcs[0]?.closed, desk.pcs[1]?.signalingState]).toEqual([true, "stable"]);
    desk.pcs[1]?.becomes("connected");
    await vi.advanceTimersByTimeAsync(0);
    expect(desk.sent.filter(([event]) => event === "media-state").map(([, payload]) => payload["state"])).toEqual(["lost", "reconnected"]);
    await desk.calls.hangUp();
    expect(desk.kept).toBeNull();
  });
});

test("mute switches the microphone, not the call", async () => {
  await desk.calls.dial(ZOE, AUDIO);
  desk.calls.own.toggleMute();
  expect(desk.streams[0]?.getAudioTracks()[0]?.enabled).toBe(false);
  expect(desk.phase).toBe("calling");
});
