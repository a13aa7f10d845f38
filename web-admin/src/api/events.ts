//! The Socket.IO events of the client protocol, version 1, as types. Fields not named here are ignored.

import type { Call, CallError, CallState, EndReason, Level, Media, Party, Presence } from "./model";

export interface Description {
  type: RTCSdpType;
  sdp: string;
}

export type NetworkType = "wifi" | "4g" | "5g" | "3g" | "ethernet" | "unknown";

/** client -> box; every one is answered by an ack. */
export interface ClientEvents {
  "call-user": { callId: string; targetUserId: string; offer: Description };
  "accept-call": { callId: string; answer: Description };
  "reject-call": { callId: string; reason?: string };
  "ice-candidate": { callId: string; candidate: RTCIceCandidateInit | null };
  "end-call": { callId: string };
  "media-state": { callId: string; state: MediaReport; error?: CallError };
  renegotiate: { callId: string; description: Description };
  "network-quality": {
    callId?: string;
    type: NetworkType;
    downlinkMbps?: number;
    availableOutgoingKbps?: number;
  };
  "app-state": { state: "foreground" | "background" };
}

export type MediaReport = "connected" | "lost" | "reconnected" | "failed";

export interface UserPresence {
  userId: string;
  presence: Presence;
  doNotDisturb: boolean;
}

export interface QualitySettings {
  width: number;
  height: number;
  frameRate: number;
  maxKbps: number;
}

/** Why the box closes a socket. */
export type ClosingReason = "box_shutdown" | "replaced" | "session_revoked";

/** box -> client; every one also carries `seq`. */
export interface BoxEvents {
  closing: { reason: ClosingReason };
  session: { epoch: string | number; resumed: boolean; presence: UserPresence[]; calls: Call[] };
  "incoming-call": {
    callId: string;
    roomId: string;
    callerId: string;
    caller: Party;
    media: Media;
    offer: Description;
    expiresAt: string;
  };
  "call-accepted": { callId: string; calleeId: string; answer: Description };
  "call-rejected": { callId: string; calleeId: string; reason?: string };
  "ice-candidate": { callId: string; fromUserId: string; candidate: RTCIceCandidateInit | null };
  renegotiate: { callId: string; fromUserId: string; description: Description };
  "call-ended": { callId: string; roomId: string; reason: EndReason; durationMs: number };
  "call-state": { callId: string; state: CallState; error?: CallError };
  "media-state": { callId: string; fromUserId?: string; state: string };
  "user-coming-online": { callId: string; userId: string };
  presence: UserPresence;
  quality: { callId: string; fromUserId?: string; level: Level; settings: QualitySettings };
}

export type ClientEvent = keyof ClientEvents;
export type BoxEvent = keyof BoxEvents;

/** Where a session's event stream was left, so that a reconnect gets what it missed. */
export interface Resume {
  epoch: string | number;
  seq: number;
}

/** Follows epoch and seq through the events that arrive. Kept per tab, in memory: a reloaded page starts anew. */
export class StreamPosition {
  #at: Resume | null = null;

  /** For the handshake; null before the first `session`. */
  get resume(): Resume | null {
    return this.#at === null ? null : { ...this.#at };
  }

  /** Takes note of one event. */
  note(event: string, payload: unknown): void {
    if (typeof payload !== "object" || payload === null) return;
    const fields = payload as Record<string, unknown>;
    const seq = typeof fields["seq"] === "number" ? fields["seq"] : null;
    if (event === "session") {
      const epoch = fields["epoch"];
      if (typeof epoch !== "string" && typeof epoch !== "number") return;
      // A resumed session is followed by what was missed, which is older than `session` itself.
      if (fields["resumed"] === true && this.#at?.epoch === epoch) return;
      this.#at = { epoch, seq: seq ?? 0 };
    } else if (seq !== null && this.#at !== null && seq > this.#at.seq) {
      this.#at.seq = seq;
    }
  }
}
