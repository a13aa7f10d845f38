//! The Socket.IO connection of one tab: typed events, an ack for each, resume after a cut.
//!
//!   connecting --session--> online --cut--> offline --session--> online
//!        any --another page of this session--> replaced
//!
//! The Socket.IO client comes back by itself when the network failed, but not when the box closed the socket. The
//! box says why with its last event: another page of this session took the line, the session ended, or the box
//! stops. Without a word this page was too slow. It comes back unless it was replaced or signed out.
//!
//! It knows nothing of calls: those are in state/.

import { io, type Socket } from "socket.io-client";
import type { Client } from "./client";
import { StreamPosition, type BoxEvent, type BoxEvents, type ClosingReason, type ClientEvent, type ClientEvents } from "./events";
import { asProblem, Problem, type LocalCode } from "./problem";

export type Line = "connecting" | "online" | "offline" | "replaced";

/** The box answers an event within this time, or the event is sent again. */
const ACK_MS = 5_000;
/** An event that could not be delivered for this long is given up: no call waits longer. */
const DELIVER_MS = 30_000;
/** Before it comes back to a box that closed the socket or refused it. */
const AGAIN_MS = 1_000;

type Ack = { ok: true } | { ok: false; error?: { code?: string; detail?: string } };

export class BoxSocket {
  onLine: (line: Line) => void = () => {};
  onSignedOut: (problem: Problem) => void = () => {};

  #line: Line = "connecting";
  #stopped = false;
  /** `session` events of this connection. Only the first is a snapshot of now; a later one is a replayed old one. */
  #sessions = 0;
  #waiting: (() => void)[] = [];
  /** Why the box is about to close this socket. */
  #closing: ClosingReason | null = null;
  readonly #position = new StreamPosition();
  readonly #socket: Socket;

  constructor(private readonly client: Client) {
    this.#socket = io({
      path: "/socket.io/",
      autoConnect: false,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      reconnectionDelay: 300,
      reconnectionDelayMax: 3_000,
      timeout: 8_000,
      // A function, so that each reconnect shows the token of that moment.
      auth: (send) => void this.#handshake(send),
    });
    this.#socket.on("connect", () => {
      this.#sessions = 0;
      this.#closing = null;
    });
    this.#socket.onAny((event: string, payload: unknown) => {
      if (event === "session") this.#sessions += 1;
      this.#position.note(event, payload);
    });
    this.on("session", () => this.#setLine("online"));
    this.on("closing", (event) => {
      this.#closing = event.reason;
    });
    this.#socket.on("disconnect", (reason) => void this.#lost(reason));
    this.#socket.on("connect_error", (error) => void this.#refused(error));
  }

  get line(): Line {
    return this.#line;
  }

  open(): void {
    this.#stopped = false;
    this.#setLine("connecting");
    this.#socket.connect();
  }

  close(): void {
    this.#stopped = true;
    this.#socket.disconnect();
    this.#wake();
  }

  /** Hears one event of the box. `incoming-call` asks for an ack: hearing it gives one. */
  on<E extends BoxEvent>(event: E, heard: (payload: BoxEvents[E]) => void): void {
    const listener = (payload: BoxEvents[E], ack?: unknown) => {
      if (typeof ack === "function") ack({ ok: true });
      if (event === "session" && this.#sessions > 1) return;
      heard(payload);
    };
    this.#socket.on(event as string, listener as (...args: unknown[]) => void);
  }

  /** Sends an event once and waits for its ack. Throws Problem. */
  async send<E extends ClientEvent>(event: E, payload: ClientEvents[E]): Promise<void> {
    if (!this.#socket.connected) throw new Problem("unreachable" satisfies LocalCode);
    let ack: Ack;
    try {
      ack = (await this.#socket.timeout(ACK_MS).emitWithAck(event, payload)) as Ack;
    } catch {
      // The box answers at once, so this line is dead although nobody has said so: a new one is quicker than the
      // heartbeat, which notices it after 45 s.
      if (this.#socket.connected) this.#socket.io.engine.close();
      throw new Problem("no_answer" satisfies LocalCode, 0, event);
    }
    if (!ack.ok) throw new Problem(ack.error?.code ?? "unexpected", 0, ack.error?.detail ?? "");
  }

  /** Sends an event until the box has answered it, over reconnects too. Accept, end and reports may be repeated. */
  async deliver<E extends ClientEvent>(event: E, payload: ClientEvents[E]): Promise<void> {
    const deadline = Date.now() + DELIVER_MS;
    for (;;) {
      try {
        return await this.send(event, payload);
      } catch (error) {
        const problem = asProblem(error);
        const again = problem.code === "unreachable" || problem.code === "no_answer";
        if (!again || this.#stopped || Date.now() >= deadline) throw problem;
      }
      await this.#online(deadline - Date.now());
    }
  }

  /** Cuts the transport for a while, as a lost network would. For tests. */
  cut(ms: number): void {
    const manager = this.#socket.io;
    manager.reconnection(false);
    manager.engine.close();
    setTimeout(() => {
      manager.reconnection(true);
      if (!this.#stopped && !this.#socket.connected) this.#socket.connect();
    }, ms);
  }

  async #handshake(send: (auth: object) => void): Promise<void> {
    let token = "";
    try {
      token = await this.client.freshToken();
    } catch (error) {
      const problem = asProblem(error);
      if (problem.status === 401) {
        this.close();
        this.onSignedOut(problem);
        return;
      }
      // No network for REST: the handshake fails the same way, and is tried again.
    }
    const resume = this.#position.resume;
    send(resume === null ? { token } : { token, resume });
  }

  async #lost(reason: string): Promise<void> {
    if (this.#stopped) return;
    if (this.#closing === "replaced") {
      // The transport may have gone before the goodbye: then the client would come back and take the line again.
      this.#setLine("replaced");
      this.#socket.disconnect();
      return;
    }
    this.#setLine("offline");
    if (reason !== "io server disconnect") return;
    try {
      await this.client.call("me", {});
    } catch (error) {
      // The session is over: the client has told whoever has to know.
      if (asProblem(error).status === 401) return;
    }
    this.#again();
  }

  async #refused(error: Error): Promise<void> {
    if (this.#stopped) return;
    this.#setLine("offline");
    // The transport itself failed: the manager goes on trying.
    if (this.#socket.active) return;
    if (error.message === "token_expired" || error.message === "unauthorized") {
      try {
        await this.client.renew();
      } catch (failure) {
        if (asProblem(failure).status === 401) {
          this.close();
          this.onSignedOut(asProblem(failure));
          return;
        }
      }
      this.#again();
    } else if (error.message === "session_revoked") {
      this.close();
      this.onSignedOut(new Problem("session_revoked", 401));
    } else {
      this.#again();
    }
  }

  #again(): void {
    setTimeout(() => {
      if (!this.#stopped && !this.#socket.connected && this.#line !== "replaced") this.#socket.connect();
    }, AGAIN_MS);
  }

  #setLine(line: Line): void {
    this.#line = line;
    if (line === "online") this.#wake();
    this.onLine(line);
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const go of waiting) go();
  }

  #online(ms: number): Promise<void> {
    if (this.#socket.connected) return Promise.resolve();
    return new Promise((done) => {
      const timer = setTimeout(done, Math.max(ms, 0));
      this.#waiting.push(() => {
        clearTimeout(timer);
        done();
      });
    });
  }
}
