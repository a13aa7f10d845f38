//! A peer connection without a network: it keeps the rules of signaling states that the negotiation relies on.

export class FakeConnection {
  signalingState: RTCSignalingState = "stable";
  connectionState: RTCPeerConnectionState = "new";
  iceConnectionState: RTCIceConnectionState = "new";
  localDescription: RTCSessionDescriptionInit | null = null;
  remoteDescription: RTCSessionDescriptionInit | null = null;
  candidates: unknown[] = [];
  closed = false;
  restarts = 0;
  generation = 0;

  onicecandidate: ((event: { candidate: { toJSON(): RTCIceCandidateInit } | null }) => void) | null = null;
  ontrack: unknown = null;
  onnegotiationneeded: (() => void) | null = null;
  onconnectionstatechange: (() => void) | null = null;
  oniceconnectionstatechange: (() => void) | null = null;

  /** A certificate of its own, where a test needs to tell connections apart. */
  fingerprint = "";

  constructor(readonly name: string) {}

  addTrack(): void {}

  async createOffer(): Promise<RTCSessionDescriptionInit> {
    return { type: "offer", sdp: this.#sdp() };
  }

  async createAnswer(): Promise<RTCSessionDescriptionInit> {
    if (this.signalingState !== "have-remote-offer") throw new Error(`InvalidStateError: answer in ${this.signalingState}`);
    return { type: "answer", sdp: this.#sdp() };
  }

  async setLocalDescription(description?: RTCSessionDescriptionInit): Promise<void> {
    const next = description ?? (this.signalingState === "have-remote-offer" ? await this.createAnswer() : await this.createOffer());
    if (next.type === "answer" && this.signalingState !== "have-remote-offer") throw new Error("InvalidStateError");
    this.localDescription = next;
    this.signalingState = next.type === "offer" ? "have-local-offer" : "stable";
  }

  async setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    if (description.type === "answer" && this.signalingState !== "have-local-offer") throw new Error("InvalidStateError");
    // An offer in have-local-offer rolls the own one back.
    this.remoteDescription = description;
    this.signalingState = description.type === "offer" ? "have-remote-offer" : "stable";
  }

  async addIceCandidate(candidate?: unknown): Promise<void> {
    if (this.remoteDescription === null) throw new Error("InvalidStateError");
    this.candidates.push(candidate);
  }

  restartIce(): void {
    this.restarts += 1;
    this.generation += 1;
    // The browser asks for a new offer in a task of its own.
    queueMicrotask(() => {
      if (this.signalingState === "stable") this.onnegotiationneeded?.();
    });
  }

  getSenders(): unknown[] {
    return [];
  }

  close(): void {
    this.closed = true;
    this.signalingState = "closed";
  }

  gathers(...lines: (string | null)[]): void {
    for (const line of lines) {
      const candidate = line === null ? null : { toJSON: () => ({ candidate: line, sdpMid: "0" }) };
      this.onicecandidate?.({ candidate });
    }
  }

  becomes(state: RTCPeerConnectionState): void {
    this.connectionState = state;
    this.onconnectionstatechange?.();
  }

  #sdp(): string {
    const key = this.fingerprint === "" ? "" : `\r\na=fingerprint:sha-256 ${this.fingerprint}`;
    return `v=0 ${this.name} generation ${this.generation}${key}`;
  }
}
