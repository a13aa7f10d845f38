//! Who is signed in on this page.
//!
//!   starting --cookie good--> signed-in --sign out, session over--> signed-out
//!   starting --no cookie----> signed-out --sign in--> signing-in --> signed-in | signed-out
//!   starting --no network---> unreachable --retry--> starting

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Account, LoginResponse } from "../api/model";
import { asProblem, type Problem } from "../api/problem";

export type SessionState =
  | { status: "starting" }
  | { status: "unreachable"; problem: Problem }
  | { status: "signed-out"; problem: Problem | null }
  | { status: "signing-in" }
  | { status: "signed-in"; account: Account };

export class Session {
  readonly state = signal<SessionState>({ status: "starting" });

  constructor(readonly client: Client) {
    client.onSessionOver = (problem) => this.over(problem);
  }

  get account(): Account | null {
    const state = this.state.value;
    return state.status === "signed-in" ? state.account : null;
  }

  /** At page load: the refresh cookie may still be good. */
  async restore(): Promise<void> {
    this.state.value = { status: "starting" };
    try {
      this.#signedIn(await this.client.renew());
    } catch (error) {
      const problem = asProblem(error);
      // No cookie, or one that is over, is the ordinary case of a first visit: nothing to complain about.
      // A request without a token may also be called invalid.
      const ordinary = problem.status === 401 || problem.status === 400 || problem.status === 422;
      this.state.value = ordinary ? { status: "signed-out", problem: null } : { status: "unreachable", problem };
    }
  }

  async signIn(username: string, password: string): Promise<void> {
    await this.#enter(() => this.client.call("login", { body: { username, password, device: thisDevice() } }));
  }

  async enrol(token: string): Promise<void> {
    await this.#enter(() => this.client.call("enrol", { body: { token, device: thisDevice() } }));
  }

  async signOut(): Promise<void> {
    try {
      await this.client.call("logout", {});
    } catch {
      // Without a network the box is not told; the session can be ended from another device.
    }
    this.client.forget();
    this.state.value = { status: "signed-out", problem: null };
  }

  /** The box ended this session. */
  over(problem: Problem): void {
    this.client.forget();
    this.state.value = { status: "signed-out", problem };
  }

  async #enter(exchange: () => Promise<LoginResponse>): Promise<void> {
    this.state.value = { status: "signing-in" };
    try {
      const answer = await exchange();
      this.client.adopt(answer);
      this.#signedIn(answer);
    } catch (error) {
      this.state.value = { status: "signed-out", problem: asProblem(error) };
    }
  }

  #signedIn(answer: LoginResponse): void {
    this.state.value = { status: "signed-in", account: answer.user };
  }
}

/** What this browser calls itself in the list of sessions. "web" asks for the refresh token as a cookie. */
export function thisDevice(agent: string = navigator.userAgent): { name: string; platform: string } {
  const browser = /Edg\//.test(agent)
    ? "Edge"
    : /Firefox\//.test(agent)
      ? "Firefox"
      : /Chrome\//.test(agent)
        ? "Chrome"
        : /Safari\//.test(agent)
          ? "Safari"
          : "Browser";
  // Android also calls itself Linux, and an iPhone "like Mac OS": the narrower name comes first.
  const system = ["Android", "iPhone", "iPad", "Windows", "Mac OS", "CrOS", "Linux"].find((name) => agent.includes(name));
  return { name: system ? `${browser}, ${system}` : browser, platform: "web" };
}
