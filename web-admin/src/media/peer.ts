//! One peer connection and its negotiation: first offer and answer, trickled candidates, ICE restart.
//!
//! Perfect negotiation: either side may offer at any time; when two offers cross, the callee (polite) gives way.
//! What it is not: it knows no socket, no screen and no getUserMedia; it is given tracks and hooks.
//!
//!   new --connected--> up --disconnected or failed--> down --connected--> up
//!    |                  |                              |
//!    +---30 s-----------+------------------------------+--30 s--> given up
//!
//! While it is down it restarts ICE: after 2 s of `disconnected`, at once after `failed`, a new socket or a new
//! network, and again every 5 s until it is given up.

import type { Description, MediaReport } from "../api/events";

const DISCONNECTED_MS = 2_000;
const AGAIN_MS = 5_000;
/** The box gives a call without media the same time. */
export const GIVE_UP_MS = 30_000;

export interface PeerHooks {
  /** Sends an offer or answer after the first exchange. */
  renegotiate(description: Description): Promise<void>;
  /** Sends a candidate; null says that there are no more. */
  candidate(candidate: RTCIceCandidateInit | null): void;
  report(state: MediaReport): void;
  remoteStream(stream: MediaStream): void;
  /** Whether descriptions can be sent now. */
  canSignal(): boolean;
}

export interface PeerOptions {
  polite: boolean;
  iceServers: RTCIceServer[];
  /** It takes the place of a connection that was up: media counts as lost until this one is up. */
  replaces?: boolean;
  /** Tests put their own in. */
  create?: (configuration: RTCConfiguration) => RTCPeerConnection;
}

export class Peer {
  readonly connection: RTCPeerConnection;

  #hooks: PeerHooks;
  #polite: boolean;
  #making = false;
  #ignoring = false;
  /** The first offer and answer are exchanged: later ones go by `renegotiate`. */
  #agreed = false;
  /** Own candidates wait until the description they belong to has been sent. */
  #held: (RTCIceCandidateInit | null)[] | null = [];
  /** The other side's candidates wait until its description is here. */
  #early: (RTCIceCandidateInit | null)[] = [];
  #wasUp = false;
  #down = false;
  #closed = false;
  #restartWanted = false;
  #restartTimer: ReturnType<typeof setTimeout> | undefined;
  #giveUpTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: PeerOptions, hooks: PeerHooks) {
    const create = options.create ?? ((configuration) => new RTCPeerConnection(configuration));
    this.#hooks = hooks;
    this.#polite = options.polite;
    this.connection = create({ iceServers: options.iceServers, bundlePolicy: "max-bundle" });
    const pc = this.connection;
    pc.onicecandidate = (event) => this.#ownCandidate(event.candidate?.toJSON() ?? null);
    pc.ontrack = (event) => {
      const stream = event.streams[0];
      if (stream) hooks.remoteStream(stream);
    };
    pc.onnegotiationneeded = () => void this.#offerAgain();
    pc.onconnectionstatechange = () => this.#connectionChanged();
    pc.oniceconnectionstatechange = () => this.#connectionChanged();
    if (options.replaces) {
      this.#wasUp = true;
      this.#down = true;
      this.#giveUpLater();
    }
  }

  /** Whether an offer comes from a new connection of the other side, such as a reloaded page: new keys. */
  isAnother(offer: Description): boolean {
    const known = fingerprint(this.connection.remoteDescription?.sdp);
    return offer.type === "offer" && this.#agreed && known !== null && known !== fingerprint(offer.sdp);
  }

  add(stream: MediaStream): void {
    for (const track of stream.getTracks()) this.connection.addTrack(track, stream);
  }

  /** The caller's first offer. Candidates are held until `sent`. */
  async firstOffer(): Promise<Description> {
    await this.connection.setLocalDescription(await this.connection.createOffer());
    return this.#local();
  }

  /** The callee's first answer. */
  async firstAnswer(offer: Description): Promise<Description> {
    await this.connection.setRemoteDescription(offer);
    await this.#takeEarly();
    await this.connection.setLocalDescription(await this.connection.createAnswer());
    this.#agreed = true;
    this.#giveUpLater();
    return this.#local();
  }

  /** The first description has reached the box: candidates may follow it. */
  sent(): void {
    const held = this.#held ?? [];
    this.#held = null;
    for (const candidate of held) this.#hooks.candidate(candidate);
  }

  /** The callee's answer to the first offer; a repeated one is ignored. */
  async accepted(answer: Description): Promise<void> {
    if (this.#agreed || this.connection.signalingState !== "have-local-offer") return;
    await this.connection.setRemoteDescription(answer);
    this.#agreed = true;
    this.#giveUpLater();
    await this.#takeEarly();
  }

  /** A description that came by `renegotiate`. */
  async described(description: Description): Promise<void> {
    const pc = this.connection;
    if (this.#closed) return;
    // A connection that replaces another has made its offer; offers meant for the old one are of no use to it.
    if (!this.#agreed && description.type === "offer") return;
    const collision = description.type === "offer" && (this.#making || pc.signalingState !== "stable");
    this.#ignoring = !this.#polite && collision;
    if (this.#ignoring) return;
    // An answer to an offer that was rolled back, or a repeated one: nothing waits for it.
    if (description.type === "answer" && pc.signalingState !== "have-local-offer") return;
    await pc.setRemoteDescription(description);
    this.#agreed = true;
    await this.#takeEarly();
    if (description.type === "offer") {
      await pc.setLocalDescription();
      await this.#hooks.renegotiate(this.#local());
    }
  }

  async remoteCandidate(candidate: RTCIceCandidateInit | null): Promise<void> {
    if (this.#closed) return;
    if (this.connection.remoteDescription === null) {
      this.#early.push(candidate);
      return;
    }
    try {
      await this.connection.addIceCandidate(candidate ?? undefined);
    } catch (error) {
      // Candidates of an offer that lost a collision belong to nothing; one bad candidate spoils no call.
      if (!this.#ignoring) console.warn("candidate not taken", (error as Error).name);
    }
  }

  /** Looks for a new path: after a new socket, a new network, or a failure. */
  restart(): void {
    if (this.#closed || !this.#agreed) return;
    clearTimeout(this.#restartTimer);
    if (!this.#hooks.canSignal()) {
      this.#restartWanted = true;
    } else if (this.connection.signalingState === "have-local-offer") {
      // The last offer got no answer; the same offer again cannot do harm.
      void this.#hooks.renegotiate(this.#local()).catch(() => {});
    } else {
      this.#restartWanted = false;
      this.connection.restartIce();
    }
    if (this.#down) this.#restartIn(AGAIN_MS);
  }

  /** The socket is back: what could not be sent is sent now. */
  signalling(): void {
    if (this.#restartWanted || this.#agreed) this.restart();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#giveUpTimer);
    this.connection.close();
  }

  async #offerAgain(): Promise<void> {
    // The first offer is made by firstOffer; adding tracks before it asks for none.
    if (!this.#agreed || this.#closed) return;
    try {
      this.#making = true;
      await this.connection.setLocalDescription();
      this.#making = false;
      await this.#hooks.renegotiate(this.#local());
    } catch (error) {
      if (!this.#closed) console.warn("offer not sent", (error as Error).name);
    } finally {
      this.#making = false;
    }
  }

  #local(): Description {
    const description = this.connection.localDescription;
    if (description === null) throw new Error("no local description");
    return { type: description.type, sdp: description.sdp };
  }

  #ownCandidate(candidate: RTCIceCandidateInit | null): void {
    // An empty string ends the candidates of one generation; the null that follows says the same.
    if (candidate !== null && candidate.candidate === "") return;
    if (this.#held !== null) this.#held.push(candidate);
    else if (!this.#closed) this.#hooks.candidate(candidate);
  }

  async #takeEarly(): Promise<void> {
    const early = this.#early;
    this.#early = [];
    for (const candidate of early) await this.remoteCandidate(candidate);
  }

  #connectionChanged(): void {
    if (this.#closed) return;
    const { connectionState, iceConnectionState } = this.connection;
    if (connectionState === "connected") this.#up();
    else if (connectionState === "failed" || iceConnectionState === "failed") this.#lost(0);
    else if (connectionState === "disconnected" || iceConnectionState === "disconnected") this.#lost(DISCONNECTED_MS);
  }

  #up(): void {
    clearTimeout(this.#restartTimer);
    clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = undefined;
    if (!this.#wasUp) this.#hooks.report("connected");
    else if (this.#down) this.#hooks.report("reconnected");
    this.#wasUp = true;
    this.#down = false;
  }

  #lost(restartAfter: number): void {
    if (this.#wasUp && !this.#down) this.#hooks.report("lost");
    this.#down = true;
    this.#giveUpLater();
    if (restartAfter === 0) this.restart();
    else this.#restartIn(restartAfter);
  }

  #restartIn(ms: number): void {
    clearTimeout(this.#restartTimer);
    this.#restartTimer = setTimeout(() => this.restart(), ms);
  }

  #giveUpLater(): void {
    this.#giveUpTimer ??= setTimeout(() => {
      if (this.#closed) return;
      this.#hooks.report("failed");
    }, GIVE_UP_MS);
  }
}

/** The certificate fingerprint of a description (RFC 8122). */
function fingerprint(sdp: string | undefined): string | null {
  return /a=fingerprint:\S+ (\S+)/.exec(sdp ?? "")?.[1] ?? null;
}
