//! The calls of this phone: joins the call machine, the socket, the peer connection and the microphone.
//!
//! It holds at most one live call. Signalling follows PROTOCOL.md; the order of one call's events is kept by
//! sending what depends on another event after that one's ack.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { BoxEvent, BoxEvents, ClientEvent, ClientEvents, Description, MediaReport, QualitySettings } from "../api/events";
import type { Call, CallError, CallState, IceServer, InitiateCall, Level, Media, Party } from "../api/model";
import { asProblem } from "../api/problem";
import type { Peer, PeerHooks, PeerOptions } from "../media/peer";
import { incoming, isJoined, isLive, outgoing, rejoined, step, type CallEvent, type KeptCall, type PhoneCall } from "./call-machine";
import { notify } from "./notice";
import { OwnMedia, type Devices } from "./own-media";

/** The socket as the calls see it. */
export interface Wire {
  readonly line: string;
  on<E extends BoxEvent>(event: E, heard: (payload: BoxEvents[E]) => void): void;
  send<E extends ClientEvent>(event: E, payload: ClientEvents[E]): Promise<void>;
  deliver<E extends ClientEvent>(event: E, payload: ClientEvents[E]): Promise<void>;
}

/** What the calls need from the browser; tests put their own in. */
export interface Equipment extends Devices {
  createPeer(options: PeerOptions, hooks: PeerHooks): Peer;
  sample(pc: RTCPeerConnection | null): Promise<Omit<ClientEvents["network-quality"], "callId">>;
  applyQuality(pc: RTCPeerConnection, settings: QualitySettings): Promise<void>;
  now(): number;
  /** Keeps the call of this tab over a reload; null forgets it. */
  keep(call: KeptCall | null): void;
  kept(): KeptCall | null;
}

const SAMPLE_MS = 5_000;
/** How long the end of a call stays on the screen. */
const OVER_MS = 5_000;
const WORST_FIRST: Level[] = ["low", "medium", "high"];

export class Calls {
  readonly call = signal<PhoneCall | null>(null);
  readonly own: OwnMedia;
  readonly remoteStream = signal<MediaStream | null>(null);
  /** A call ended here, or the box has closed its record: the history is to be read anew. */
  onOver: () => void = () => {};

  #peer: Peer | null = null;
  #servers: IceServer[] = [];
  #offer: BoxEvents["incoming-call"]["offer"] | null = null;
  #early: (RTCIceCandidateInit | null)[] = [];
  /** Rises with every call; what an older call still has under way is dropped. */
  #turn = 0;
  /** Both called each other: the call that won, to be accepted without asking. */
  #glare: string | null = null;
  /** The last call that rang while this phone was busy. */
  #aside: BoxEvents["incoming-call"] | null = null;
  #reports: Promise<void> = Promise.resolve();
  #samples: ReturnType<typeof setInterval> | undefined;
  #clear: ReturnType<typeof setTimeout> | undefined;
  #levels = new Map<string, BoxEvents["quality"]>();

  constructor(
    private readonly client: Client,
    private readonly wire: Wire,
    private readonly equipment: Equipment,
  ) {
    this.own = new OwnMedia(equipment);
    wire.on("incoming-call", (event) => this.#incoming(event));
    wire.on("call-accepted", (event) => void this.#accepted(event));
    wire.on("call-ended", (event) => this.#ofCall(event.callId, { type: "ended", reason: event.reason, durationMs: event.durationMs }));
    wire.on("call-state", (event) => this.#ofCall(event.callId, { type: "box-state", state: event.state, error: event.error ?? null, at: equipment.now() }));
    wire.on("user-coming-online", (event) => this.#ofCall(event.callId, { type: "coming-online" }));
    wire.on("ice-candidate", (event) => this.#candidate(event));
    wire.on("renegotiate", (event) => void this.#described(event));
    wire.on("quality", (event) => void this.#quality(event));
    wire.on("session", (event) => void this.#session(event.resumed, event.calls));
  }

  get connection(): RTCPeerConnection | null {
    return this.#peer?.connection ?? null;
  }

  /** Calls somebody. Problems end up in the call itself, where the person sees them. */
  async dial(peer: Party, media: Media): Promise<void> {
    if (isLive(this.call.value)) return;
    const turn = this.#begin(outgoing(peer, media));
    if (!(await this.#openMedia(media, turn))) return;
    try {
      const call = await this.client.call("initiateCall", { body: { targetUserId: peer.id, media: wanted(media) } });
      if (turn !== this.#turn) {
        // Hung up while the box was asked.
        await this.wire.deliver("end-call", { callId: call.callId });
        return;
      }
      this.#take({ type: "initiated", callId: call.callId, state: call.state, calleeStatus: call.calleeStatus });
      this.#servers = call.iceServers;
      const link = this.#connect(call.callId, false);
      const offer = await link.firstOffer();
      await this.wire.deliver("call-user", { callId: call.callId, targetUserId: peer.id, offer });
      link.sent();
    } catch (error) {
      this.#dialFailed(error, turn);
    }
  }

  async accept(): Promise<void> {
    const call = this.call.value;
    const offer = this.#offer;
    if (call?.phase !== "ringing" || call.callId === null || offer === null) return;
    const { callId, media } = call;
    const turn = this.#turn;
    this.#take({ type: "accepting" });
    try {
      const servers = this.#loadServers();
      const fault = this.own.stream.value === null ? await this.own.open(media, () => turn === this.#turn) : null;
      await servers;
      if (turn !== this.#turn) return;
      const link = this.#connect(callId, true);
      const answer = await link.firstAnswer(offer);
      await this.wire.deliver("accept-call", { callId, answer });
      link.sent();
      if (turn !== this.#turn) return;
      this.#take({ type: "accepted", at: this.equipment.now() });
      if (fault !== null) {
        // Answered without sound, so that the caller learns why instead of ringing on.
        notify("bad", `capture.${fault.reason}`);
        await this.#fail(callId, fault.wire);
      }
    } catch (error) {
      if (turn === this.#turn) this.#take({ type: "failed", code: asProblem(error).code, at: this.equipment.now() });
    }
  }

  async reject(): Promise<void> {
    const call = this.call.value;
    if (call?.phase !== "ringing" || call.callId === null) return;
    this.#take({ type: "ended", reason: "rejected", durationMs: 0 });
    await this.#quietly(this.wire.deliver("reject-call", { callId: call.callId }));
  }

  async hangUp(): Promise<void> {
    const call = this.call.value;
    if (!isLive(call)) return;
    const durationMs = call.answeredAt === null ? 0 : this.equipment.now() - call.answeredAt;
    this.#take({ type: "ended", reason: call.answeredAt === null ? "cancelled" : "hangup", durationMs });
    if (call.callId !== null) await this.#quietly(this.wire.deliver("end-call", { callId: call.callId }));
  }

  /** Takes the ended call off the screen. */
  dismiss(): void {
    if (this.call.value?.phase === "over") this.call.value = null;
  }

  async toggleCamera(): Promise<void> {
    // A track that joins later asks for a new offer, which goes out by `renegotiate`.
    await this.own.toggleCamera((track, stream) => this.#peer?.connection.addTrack(track, stream));
  }

  /** A new network: look for a new path at once. */
  networkChanged(): void {
    if (isJoined(this.call.value)) this.#peer?.restart();
  }

  /** Ends everything here, for a sign-out. */
  async drop(): Promise<void> {
    await this.hangUp();
    this.call.value = null;
  }

  #begin(call: PhoneCall): number {
    clearTimeout(this.#clear);
    this.#turn += 1;
    this.#early = [];
    this.#levels.clear();
    this.#reports = Promise.resolve();
    this.call.value = call;
    return this.#turn;
  }

  #take(event: CallEvent): void {
    const before = this.call.value;
    if (before === null) return;
    const after = step(before, event);
    if (after === before) return;
    this.call.value = after;
    if (!isJoined(before) && isJoined(after)) {
      this.equipment.keep(after);
      this.#startSamples();
    }
    if (isLive(before) && !isLive(after)) this.#finish();
  }

  #ofCall(callId: string, event: CallEvent): void {
    if (this.call.value?.callId === callId) this.#take(event);
    if (event.type !== "ended") return;
    // Now the record is complete.
    this.onOver();
    if (this.#aside?.callId === callId) this.#aside = null;
    if (this.#glare === callId) {
      this.#glare = null;
      // The call that should have taken the place of ours ended before it got here.
      if (this.call.value?.callId === null) this.#take(event);
    }
  }

  #finish(): void {
    this.#turn += 1;
    clearInterval(this.#samples);
    this.equipment.keep(null);
    this.#peer?.close();
    this.#peer = null;
    this.#offer = null;
    this.own.close();
    this.remoteStream.value = null;
    this.#clear = setTimeout(() => this.dismiss(), OVER_MS);
    this.onOver();
  }

  async #openMedia(media: Media, turn: number): Promise<boolean> {
    const fault = await this.own.open(media, () => turn === this.#turn);
    if (turn !== this.#turn) return false;
    if (fault === null) return true;
    notify("bad", `capture.${fault.reason}`);
    this.#take({ type: "failed", code: fault.wire, at: this.equipment.now() });
    return false;
  }

  async #loadServers(): Promise<void> {
    this.#servers = [];
    try {
      this.#servers = (await this.client.call("iceServers", {})).iceServers;
    } catch {
      // Without TURN the two may still reach each other directly.
    }
  }

  #connect(callId: string, polite: boolean, replaces = false): Peer {
    const link = this.equipment.createPeer(
      { polite, iceServers: this.#servers as RTCIceServer[], replaces },
      {
        renegotiate: (description) => this.wire.deliver("renegotiate", { callId, description }),
        candidate: (candidate) => void this.#quietly(this.wire.deliver("ice-candidate", { callId, candidate })),
        report: (state) => void this.#report(callId, state),
        remoteStream: (stream) => {
          // A new object, so that a picture added later is noticed.
          this.remoteStream.value = new MediaStream(stream.getTracks());
        },
        canSignal: () => this.wire.line === "online",
      },
    );
    this.#peer = link;
    if (this.own.stream.value !== null) link.add(this.own.stream.value);
    for (const candidate of this.#early.splice(0)) void link.remoteCandidate(candidate);
    return link;
  }

  #dialFailed(error: unknown, turn: number): void {
    if (turn !== this.#turn) return;
    const problem = asProblem(error);
    if (problem.code === "glare" && problem.callId !== null) {
      // The other one was quicker; their call is on its way here and is taken without asking.
      this.#glare = problem.callId;
      if (this.#aside?.callId === problem.callId) this.#incoming(this.#aside);
      return;
    }
    const callId = this.call.value?.callId ?? null;
    this.#take({ type: "failed", code: problem.code, at: this.equipment.now() });
    if (callId !== null) void this.#quietly(this.wire.deliver("end-call", { callId }));
  }

  #incoming(event: BoxEvents["incoming-call"]): void {
    const present = this.call.value;
    if (present?.callId === event.callId) {
      if (present.phase === "ringing") this.#offer = event.offer;
      return;
    }
    const wanted = this.#glare === event.callId;
    if (isLive(present) && !wanted) {
      // Busy with another call: the other devices may still take this one. It may also be the other half of a
      // glare whose answer is still on its way.
      this.#aside = event;
      return;
    }
    this.#peer?.close();
    this.#peer = null;
    this.#begin(incoming(event.callId, event.caller, event.media));
    this.#offer = event.offer;
    if (wanted) {
      this.#glare = null;
      void this.accept();
    }
  }

  async #accepted(event: BoxEvents["call-accepted"]): Promise<void> {
    const turn = this.#turn;
    if (this.call.value?.callId !== event.callId || this.#peer === null) return;
    try {
      await this.#peer.accepted(event.answer);
      if (turn === this.#turn) this.#take({ type: "accepted", at: this.equipment.now() });
    } catch {
      if (turn === this.#turn) await this.#fail(event.callId, "MediaError");
    }
  }

  #candidate(event: BoxEvents["ice-candidate"]): void {
    if (this.call.value?.callId !== event.callId) return;
    if (this.#peer === null) this.#early.push(event.candidate);
    else void this.#peer.remoteCandidate(event.candidate);
  }

  async #described(event: BoxEvents["renegotiate"]): Promise<void> {
    if (this.call.value?.callId !== event.callId) return;
    try {
      if (this.#peer?.isAnother(event.description)) await this.#replacePeer(event.callId, event.description);
      else await this.#peer?.described(event.description);
    } catch (error) {
      // The next restart offers again; the call itself may be well.
      console.warn("description not taken", (error as Error).name);
    }
  }

  /** The other page was loaded anew: its new connection gets a new one here. */
  async #replacePeer(callId: string, offer: Description): Promise<void> {
    this.#peer?.close();
    const link = this.#connect(callId, this.call.value?.direction === "incoming", true);
    void this.#report(callId, "lost");
    const answer = await link.firstAnswer(offer);
    await this.wire.deliver("renegotiate", { callId, description: answer });
    link.sent();
  }

  /** This page was loaded anew during a call: it offers a new connection in place of the one that is gone. */
  async #rejoin(kept: KeptCall, callId: string, state: CallState): Promise<void> {
    const turn = this.#begin(rejoined(kept, state));
    this.equipment.keep(kept);
    const answered = state !== "Connected";
    if (answered) await this.#report(callId, "lost");
    const servers = this.#loadServers();
    if (!(await this.#openMedia(kept.media, turn))) {
      await this.#quietly(this.wire.deliver("end-call", { callId }));
      return;
    }
    await servers;
    if (turn !== this.#turn) return;
    this.#startSamples();
    const link = this.#connect(callId, kept.direction === "incoming", answered);
    try {
      const offer = await link.firstOffer();
      await this.wire.deliver("renegotiate", { callId, description: offer });
      link.sent();
    } catch (error) {
      if (turn === this.#turn) this.#take({ type: "failed", code: asProblem(error).code, at: this.equipment.now() });
    }
  }

  async #report(callId: string, state: MediaReport): Promise<void> {
    if (this.call.value?.callId !== callId) return;
    if (state === "failed") {
      await this.#fail(callId, "NetworkError");
      return;
    }
    if (state === "lost") this.#take({ type: "media-lost" });
    else this.#take({ type: "media-back" });
    this.#reports = this.#reports.then(() => this.#quietly(this.wire.deliver("media-state", { callId, state })));
    await this.#reports;
  }

  async #fail(callId: string, error: CallError): Promise<void> {
    this.#take({ type: "failed", code: error, at: this.equipment.now() });
    await this.#quietly(this.wire.deliver("media-state", { callId, state: "failed", error }));
  }

  #startSamples(): void {
    clearInterval(this.#samples);
    const send = async () => {
      const callId = this.call.value?.callId;
      if (!callId || this.wire.line !== "online") return;
      const one = await this.equipment.sample(this.connection);
      if (this.call.value?.callId !== callId || !isJoined(this.call.value)) return;
      // A lost sample is not sent again: the next one is newer.
      await this.#quietly(this.wire.send("network-quality", { ...one, callId }));
    };
    void send();
    this.#samples = setInterval(() => void send(), SAMPLE_MS);
  }

  async #quality(event: BoxEvents["quality"]): Promise<void> {
    if (this.call.value?.callId !== event.callId) return;
    this.#levels.set(event.fromUserId ?? "", event);
    // What is sent has to fit both ends: the worse one counts.
    const worst = [...this.#levels.values()].sort((a, b) => WORST_FIRST.indexOf(a.level) - WORST_FIRST.indexOf(b.level))[0];
    if (!worst) return;
    this.#take({ type: "level", level: worst.level });
    if (this.connection !== null) await this.#quietly(this.equipment.applyQuality(this.connection, worst.settings));
  }

  /** After a reconnect. A resumed stream brings what was missed; otherwise the snapshot is the truth. */
  async #session(resumed: boolean, calls: Call[]): Promise<void> {
    const call = this.call.value;
    if (call === null) {
      const kept = this.equipment.kept();
      const running = calls.find((one) => one.callId === kept?.callId && one.state !== "Connecting");
      if (kept !== null && running) await this.#rejoin(kept, running.callId, running.state);
      else this.equipment.keep(null);
      return;
    }
    if (!isLive(call) || call.callId === null) return;
    const known = calls.find((one) => one.callId === call.callId);
    if (resumed || known) {
      if (known) this.#take({ type: "box-state", state: known.state, error: known.error ?? null, at: this.equipment.now() });
      if (isJoined(this.call.value)) this.#peer?.signalling();
      return;
    }
    const { callId } = call;
    try {
      const ended = await this.client.call("getCall", { path: { id: callId } });
      this.#ofCall(callId, { type: "ended", reason: ended.endReason ?? "error", durationMs: ended.durationMs });
    } catch {
      this.#ofCall(callId, { type: "ended", reason: "error", durationMs: 0 });
    }
  }

  /** What may fail without harm: the box ends or repairs the call by itself. */
  async #quietly(work: Promise<void>): Promise<void> {
    try {
      await work;
    } catch (error) {
      console.warn("not delivered", asProblem(error).code);
    }
  }
}

/** A call carries something: the box takes none without sound and picture. */
function wanted(media: Media): NonNullable<InitiateCall["media"]> {
  return media.video ? { audio: media.audio, video: true } : { audio: true, video: false };
}
