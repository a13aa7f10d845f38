//! The phone as a whole: builds its parts, opens the socket when somebody is signed in, sounds the ring.

import { effect, signal } from "@preact/signals";
import { Client } from "../api/client";
import { BoxSocket, type Line } from "../api/socket";
import { asProblem } from "../api/problem";
import { capture, captureCamera } from "../media/capture";
import { Peer } from "../media/peer";
import { apply, sample } from "../media/quality";
import { ring, ringback, unlockSound, type Tone } from "../media/tones";
import { Calls } from "./calls";
import { Directory } from "./directory";
import { History } from "./history";
import { keepCall, keptCall } from "./kept-call";
import { notify } from "./notice";
import { Session } from "./session";

export class Phone {
  readonly client = new Client();
  readonly session = new Session(this.client);
  readonly directory = new Directory(this.client);
  readonly history = new History(this.client);
  readonly socket = new BoxSocket(this.client);
  readonly calls: Calls;
  readonly line = signal<Line>("connecting");
  readonly doNotDisturb = signal(false);

  #open = false;

  constructor() {
    this.calls = new Calls(this.client, this.socket, {
      capture,
      captureCamera,
      createPeer: (options, hooks) => new Peer(options, hooks),
      sample,
      applyQuality: apply,
      now: () => Date.now(),
      keep: keepCall,
      kept: keptCall,
    });
    this.calls.onOver = () => void this.history.load();
    this.socket.onLine = (line) => {
      this.line.value = line;
    };
    this.socket.onSignedOut = (problem) => this.session.over(problem);
    this.socket.on("presence", (one) => {
      this.directory.changed(one);
      if (one.userId === this.session.account?.id) this.doNotDisturb.value = one.doNotDisturb;
    });
    this.socket.on("session", (event) => {
      this.directory.snapshot(event.presence);
      void this.#appState();
    });
    effect(() => this.#follow());
    this.#sound();
    document.addEventListener("visibilitychange", () => void this.#appState());
    window.addEventListener("online", () => this.calls.networkChanged());
    window.addEventListener("pointerdown", unlockSound, { once: true });
  }

  /** Opens the socket with the session and closes it with it. */
  #follow(): void {
    const signedIn = this.session.state.value.status === "signed-in";
    if (signedIn === this.#open) return;
    this.#open = signedIn;
    if (signedIn) void this.#start();
    else this.socket.close();
  }

  async #start(): Promise<void> {
    this.socket.open();
    void this.directory.load();
    void this.history.load();
    try {
      this.doNotDisturb.value = (await this.client.call("me", {})).doNotDisturb;
    } catch {
      // The switch shows "off" until presence says otherwise.
    }
  }

  async signOut(): Promise<void> {
    await this.calls.drop();
    await this.session.signOut();
  }

  /** Takes the line back from another page of the same session. */
  takeOver(): void {
    this.socket.open();
  }

  async setDoNotDisturb(on: boolean): Promise<void> {
    this.doNotDisturb.value = on;
    try {
      this.doNotDisturb.value = (await this.client.call("patchMe", { body: { doNotDisturb: on } })).doNotDisturb;
    } catch (error) {
      this.doNotDisturb.value = !on;
      notify("bad", "phone.dndFailed", { code: asProblem(error).code });
    }
  }

  async #appState(): Promise<void> {
    const state = document.visibilityState === "visible" ? "foreground" : "background";
    try {
      await this.socket.send("app-state", { state });
    } catch {
      // The next `session` sends it again.
    }
  }

  #sound(): void {
    let tone: Tone | null = null;
    let sounding = "";
    effect(() => {
      const phase = this.calls.call.value?.phase;
      const wanted = phase === "ringing" ? "ring" : phase === "calling" ? "ringback" : "";
      if (wanted === sounding) return;
      sounding = wanted;
      tone?.stop();
      tone = wanted === "ring" ? ring() : wanted === "ringback" ? ringback() : null;
    });
  }
}
