//! Calls the box's REST operations by name, with their types from the OpenAPI document.
//!
//! It keeps the access token in memory only. The refresh token is an HttpOnly cookie that scripts cannot read
//! (`device.platform` is "web"), so `refresh` sends an empty object and the browser adds the cookie.

import type { LoginResponse } from "./model";
import { Problem, problemOf, type LocalCode } from "./problem";
import { routes, type Operations } from "./schema.gen";

export type OperationName = keyof Operations;
type Input<K extends OperationName> = Operations[K]["input"];
type Result<K extends OperationName> = Operations[K]["result"];

/** An answer with the version tag that a later change must name in `If-Match`. */
export interface Tagged<T> {
  value: T;
  etag: string | null;
}

interface RawInput {
  path?: Record<string, string>;
  query?: Record<string, string | number | boolean | null | undefined>;
  body?: unknown;
}

/** What a client needs from the page; tests put their own in. */
export interface Surroundings {
  fetch(url: string, init: RequestInit): Promise<Response>;
  /** Milliseconds, monotonic enough to compare. */
  now(): number;
  setTimer(run: () => void, ms: number): unknown;
  clearTimer(timer: unknown): void;
}

export const browserSurroundings: Surroundings = {
  fetch: (url, init) => fetch(url, init),
  now: () => Date.now(),
  setTimer: (run, ms) => setTimeout(run, ms),
  clearTimer: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
};

/** A token is renewed when this part of its life is over. */
const RENEW_AT = 0.8;
/** After a renewal that failed for lack of a network, in milliseconds. */
const RETRY_RENEWAL_MS = 5_000;

/** Codes that say: this access token is of no use (others, such as `invalid_credentials`, do not). */
const SESSION_OVER = new Set(["unauthorized", "session_revoked", "token_expired"]);

export class Client {
  /** Called when the box says that the session is over. */
  onSessionOver: (problem: Problem) => void = () => {};
  /** Called with every new set of tokens. */
  onTokens: (answer: LoginResponse) => void = () => {};

  #token: string | null = null;
  #goodUntil = 0;
  #renewal: Promise<LoginResponse> | null = null;
  #timer: unknown = null;

  constructor(private readonly around: Surroundings = browserSurroundings) {}

  get signedIn(): boolean {
    return this.#token !== null;
  }

  /** Calls an operation and returns its answer. Throws Problem. */
  async call<K extends OperationName>(name: K, input: Input<K>, ifMatch?: string): Promise<Result<K>> {
    return (await this.callTagged(name, input, ifMatch)).value;
  }

  /** As `call`, with the answer's ETag. */
  async callTagged<K extends OperationName>(name: K, input: Input<K>, ifMatch?: string): Promise<Tagged<Result<K>>> {
    const used = this.#token;
    let response = await this.#send(name, input as RawInput, used, ifMatch);
    if (response.status === 401 && used !== null) {
      const problem = await problemOf(response);
      if (!SESSION_OVER.has(problem.code)) throw problem;
      if (problem.code === "session_revoked") {
        this.#end(problem);
        throw problem;
      }
      // Another request may have renewed the token while this one was under way.
      if (this.#token === used) await this.renew();
      response = await this.#send(name, input as RawInput, this.#token, ifMatch);
    }
    if (!response.ok) throw await problemOf(response);
    const value = response.status === 204 ? undefined : await readJson(response);
    return { value: value as Result<K>, etag: response.headers.get("ETag") };
  }

  /** Takes the tokens of a login, a refresh or an enrolment, and renews them in time. */
  adopt(answer: LoginResponse): void {
    this.#token = answer.accessToken;
    const life = Math.max(answer.expiresIn, 10) * 1000;
    this.#goodUntil = this.around.now() + life * RENEW_AT;
    this.#renewIn(life * RENEW_AT);
    this.onTokens(answer);
  }

  /** A token that is good for a while. Throws Problem when there is none. */
  async freshToken(): Promise<string> {
    if (this.#token === null || this.around.now() >= this.#goodUntil) await this.renew();
    if (this.#token === null) throw new Problem("unauthorized", 401);
    return this.#token;
  }

  /** Trades the cookie for new tokens; requests at the same time share one exchange. Throws Problem. */
  renew(): Promise<LoginResponse> {
    this.#renewal ??= this.#renewOnce().finally(() => {
      this.#renewal = null;
    });
    return this.#renewal;
  }

  /** Forgets the tokens. The box is told with `logout` before. */
  forget(): void {
    this.#token = null;
    this.#goodUntil = 0;
    this.around.clearTimer(this.#timer);
  }

  async #renewOnce(): Promise<LoginResponse> {
    try {
      const response = await this.#send("refresh", { body: {} }, null);
      if (!response.ok) throw await problemOf(response);
      const answer = (await readJson(response)) as LoginResponse;
      this.adopt(answer);
      return answer;
    } catch (error) {
      if (error instanceof Problem && error.status === 401) this.#end(error);
      else if (this.#token !== null) this.#renewIn(RETRY_RENEWAL_MS);
      throw error;
    }
  }

  #renewIn(ms: number): void {
    this.around.clearTimer(this.#timer);
    this.#timer = this.around.setTimer(() => {
      // A failure is handled in renewOnce: it ends the session or tries again.
      this.renew().catch(() => {});
    }, ms);
  }

  #end(problem: Problem): void {
    const was = this.#token !== null;
    this.forget();
    if (was) this.onSessionOver(problem);
  }

  async #send(name: OperationName, input: RawInput, token: string | null, ifMatch?: string): Promise<Response> {
    const route = routes[name];
    const headers: Record<string, string> = { Accept: "application/json, application/problem+json" };
    if (token !== null) headers["Authorization"] = `Bearer ${token}`;
    if (ifMatch !== undefined) headers["If-Match"] = ifMatch;
    const init: RequestInit = { method: route.method, headers, credentials: "same-origin", cache: "no-store" };
    if (input.body !== undefined) {
      headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(input.body);
    }
    try {
      return await this.around.fetch(urlOf(route.path, input), init);
    } catch (error) {
      throw new Problem("unreachable" satisfies LocalCode, 0, String(error));
    }
  }
}

async function readJson(response: Response): Promise<unknown> {
  try {
    return await response.json();
  } catch (error) {
    throw new Problem("unexpected" satisfies LocalCode, response.status, String(error));
  }
}

/** Fills a path template and adds the query; absent values are left out. */
export function urlOf(template: string, input: RawInput): string {
  const path = template.replace(/\{(\w+)\}/g, (_, name: string) => {
    const value = input.path?.[name];
    if (value === undefined) throw new Error(`no path parameter ${name}`);
    return encodeURIComponent(value);
  });
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(input.query ?? {})) {
    if (value !== undefined && value !== null) query.set(name, String(value));
  }
  return query.size > 0 ? `${path}?${query}` : path;
}
