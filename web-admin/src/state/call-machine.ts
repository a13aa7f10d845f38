//! One call as a person at this phone sees it. Pure: events in, a new value out; no socket, no media, no clock.
//!
//!   preparing --initiated--> calling --accepted--> joining --InCall--> talking <--> reconnecting
//!   ringing --accepting--> answering --accepted------^
//!   every phase --ended, failed--> over
//!
//! `state` is the protocol's own state (F6) as the box last said it; `phase` is finer and local.

import type { CallError, CallState, EndReason, Level, Media, Party } from "../api/model";

export type Phase = "preparing" | "calling" | "ringing" | "answering" | "joining" | "talking" | "reconnecting" | "over";

export interface PhoneCall {
  /** null until the box has given one. */
  callId: string | null;
  direction: "incoming" | "outgoing";
  peer: Party;
  media: Media;
  phase: Phase;
  state: CallState;
  error: CallError | null;
  /** Whether the callee's phone has to be woken. */
  calleeStatus: "online" | "offline" | null;
  /** When it was answered, in the page's milliseconds. */
  answeredAt: number | null;
  level: Level | null;
  /** How it ended: the box's reason, or the code of what went wrong here. */
  over: { reason: EndReason | null; code: string | null; durationMs: number } | null;
}

export type CallEvent =
  | { type: "initiated"; callId: string; state: CallState; calleeStatus: "online" | "offline" }
  | { type: "accepting" }
  | { type: "accepted"; at: number }
  | { type: "coming-online" }
  | { type: "box-state"; state: CallState; error: CallError | null; at: number }
  | { type: "media-lost" }
  | { type: "media-back" }
  | { type: "level"; level: Level }
  | { type: "ended"; reason: EndReason; durationMs: number }
  | { type: "failed"; code: string; at: number };

export function outgoing(peer: Party, media: Media): PhoneCall {
  return { ...blank(peer, media), direction: "outgoing", phase: "preparing", state: "Idle" };
}

export function incoming(callId: string, peer: Party, media: Media): PhoneCall {
  return { ...blank(peer, media), callId, direction: "incoming", phase: "ringing", state: "Connecting" };
}

/** A call that goes on after the page was loaded anew. */
export function rejoined(kept: KeptCall, state: CallState): PhoneCall {
  return { ...blank(kept.peer, kept.media), ...kept, phase: "reconnecting", state };
}

/** What a tab keeps of its call over a reload. */
export type KeptCall = Pick<PhoneCall, "callId" | "direction" | "peer" | "media" | "answeredAt">;

function blank(peer: Party, media: Media): Omit<PhoneCall, "direction" | "phase" | "state"> {
  return { callId: null, peer, media, error: null, calleeStatus: null, answeredAt: null, level: null, over: null };
}

/** Live: it occupies this phone. */
export function isLive(call: PhoneCall | null): call is PhoneCall {
  return call !== null && call.phase !== "over";
}

/** Media may flow: reports, samples and restarts make sense. */
export function isJoined(call: PhoneCall | null): boolean {
  return call !== null && (call.phase === "joining" || call.phase === "talking" || call.phase === "reconnecting");
}

/** Takes one event. An event that does not fit the phase changes nothing: the box may repeat itself. */
export function step(call: PhoneCall, event: CallEvent): PhoneCall {
  if (call.phase === "over") return afterEnd(call, event);
  switch (event.type) {
    case "initiated":
      if (call.phase !== "preparing") return call;
      return { ...call, phase: "calling", callId: event.callId, state: event.state, calleeStatus: event.calleeStatus };
    case "accepting":
      return call.phase === "ringing" ? { ...call, phase: "answering" } : call;
    case "accepted":
      return answered(call, event.at);
    case "coming-online":
      return call.phase === "calling" ? { ...call, calleeStatus: "online" } : call;
    case "box-state":
      return boxState(call, event.state, event.error, event.at);
    case "media-lost":
      return isJoined(call) ? { ...call, phase: "reconnecting" } : call;
    case "media-back":
      return call.phase === "reconnecting" && call.state === "InCall" ? { ...call, phase: "talking" } : call;
    case "level":
      return { ...call, level: event.level };
    case "ended":
      return { ...call, phase: "over", over: { reason: event.reason, code: null, durationMs: event.durationMs } };
    case "failed": {
      const durationMs = call.answeredAt === null ? 0 : event.at - call.answeredAt;
      const error = callError(event.code);
      // Without a connection the box cannot say it: the phone then goes to Error by itself.
      const ending = error === null ? call : { ...call, state: "Error" as const, error };
      return { ...ending, phase: "over", over: { reason: null, code: event.code, durationMs } };
    }
  }
}

function callError(code: string): CallError | null {
  const words: CallError[] = ["NetworkError", "PermissionError", "ServerError", "MediaError"];
  return words.find((word) => word === code) ?? null;
}

function answered(call: PhoneCall, at: number): PhoneCall {
  if (call.phase !== "calling" && call.phase !== "answering") return call;
  const state = call.state === "Connecting" ? "Connected" : call.state;
  return { ...call, phase: "joining", state, answeredAt: call.answeredAt ?? at };
}

function boxState(call: PhoneCall, state: CallState, error: CallError | null, at: number): PhoneCall {
  const next = { ...call, state, error: error ?? call.error };
  switch (state) {
    case "Connected":
      // A ringing phone hears Connected when another device answered: call-ended follows.
      return call.phase === "ringing" ? call : answered(next, at);
    case "InCall":
      return { ...next, phase: "talking", answeredAt: call.answeredAt ?? at };
    case "Reconnecting":
      return { ...next, phase: "reconnecting" };
    case "Connecting":
    case "Error":
    case "Timeout":
    case "Ended":
      return next;
    case "Idle":
      // After the end the box goes back to Idle; the person still wants to know how it ended.
      return call;
  }
}

/** The end stays; only the box's account of it may still come in. */
function afterEnd(call: PhoneCall, event: CallEvent): PhoneCall {
  if (event.type === "box-state" && event.state !== "Idle") {
    return { ...call, state: event.state, error: event.error ?? call.error };
  }
  if (event.type === "ended" && call.over !== null && call.over.reason === null) {
    return { ...call, over: { ...call.over, reason: event.reason, durationMs: event.durationMs } };
  }
  return call;
}
