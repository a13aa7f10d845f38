import { beforeEach, describe, expect, test } from "vitest";
import { Client, urlOf, type Surroundings } from "../src/api/client";
import { problemOf, type Problem } from "../src/api/problem";

const TOKENS = (n: number) => ({ accessToken: `token-${n}`, tokenType: "Bearer", expiresIn: 900, user: { id: "u", username: "zoe", displayName: "Zoë", extension: null, role: "user" as const }, device: { id: "d", name: "" } });

function json(status: number, body: unknown, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(body), { status, headers });
}

function refusal(status: number, code: string, more: object = {}, headers: Record<string, string> = {}): Response {
  return json(status, { type: "about:blank", title: code, status, detail: "", code, ...more }, headers);
}

let seen: { url: string; init: RequestInit }[];
let answers: ((url: string) => Response)[];
let timers: { run: () => void; ms: number }[];
let clock: number;
const around: Surroundings = {
  fetch: async (url, init) => {
    seen.push({ url, init });
    const answer = answers.shift();
    if (!answer) throw new TypeError("Failed to fetch");
    return answer(url);
  },
  now: () => clock,
  setTimer: (run, ms) => timers.push({ run, ms }),
  clearTimer: () => {},
};

const header = (at: number, name: string) => (seen[at]?.init.headers as Record<string, string>)[name];
async function caught(work: Promise<unknown>): Promise<Problem> {
  return work.then(() => expect.fail("it did not throw"), (error: Problem) => error);
}

let client: Client;
beforeEach(() => {
  seen = [];
  answers = [];
  timers = [];
  clock = 0;
  client = new Client(around);
});

describe("errors", () => {
  test("keep code, fields, Retry-After and callId", async () => {
    const problem = await problemOf(refusal(422, "invalid_input", { errors: [{ field: "admin.username", code: "too_long" }], callId: "c9" }, { "Retry-After": "12" }));
    expect([problem.code, problem.status, problem.retryAfter, problem.callId]).toEqual(["invalid_input", 422, 12, "c9"]);
    expect(problem.fields).toEqual([{ field: "admin.username", code: "too_long" }]);
  });

  test.each([[404, "not_found"], [412, "version_conflict"], [413, "payload_too_large"], [429, "rate_limited"], [503, "busy"], [500, "unexpected"]])("a bare %i is %s", async (status, code) => {
    expect((await problemOf(new Response("<html>", { status }))).code).toBe(code);
  });

  test("no network is unreachable; an answer that is no JSON is unexpected", async () => {
    expect((await caught(client.call("box", {}))).code).toBe("unreachable");
    answers = [() => new Response("<html>")];
    expect((await caught(client.call("box", {}))).code).toBe("unexpected");
  });
});

describe("tokens", () => {
  test("are sent as Bearer, with If-Match where it is given, and the ETag comes back", async () => {
    client.adopt(TOKENS(1));
    answers = [() => json(200, { id: "u1" }, { ETag: '"8"' })];
    const { etag } = await client.callTagged("patchUser", { path: { id: "u1" }, body: { displayName: "Z" } }, '"7"');
    expect([header(0, "Authorization"), header(0, "If-Match"), etag]).toEqual(["Bearer token-1", '"7"', '"8"']);
    expect(seen[0]?.init.body).toBe('{"displayName":"Z"}');
  });

  test("an expired one is renewed once and the request repeated", async () => {
    client.adopt(TOKENS(1));
    answers = [() => refusal(401, "token_expired"), () => json(200, TOKENS(2)), () => json(200, { items: [], nextCursor: null })];
    await client.call("listUsers", {});
    expect(seen.map((one) => one.url)).toEqual(["/api/users", "/api/auth/refresh", "/api/users"]);
    expect([seen[1]?.init.body, seen[1]?.init.credentials, header(2, "Authorization")]).toEqual(["{}", "same-origin", "Bearer token-2"]);
  });

  test("requests at the same time share one renewal", async () => {
    client.adopt(TOKENS(1));
    const page = () => json(200, { items: [], nextCursor: null });
    answers = [() => refusal(401, "token_expired"), () => refusal(401, "token_expired"), () => json(200, TOKENS(2)), page, page];
    await Promise.all([client.call("listUsers", {}), client.call("listCalls", {})]);
    expect(seen.filter((one) => one.url === "/api/auth/refresh")).toHaveLength(1);
  });

  test("a revoked session ends here, without a renewal", async () => {
    client.adopt(TOKENS(1));
    const over: string[] = [];
    client.onSessionOver = (problem) => over.push(problem.code);
    answers = [() => refusal(401, "session_revoked")];
    expect((await caught(client.call("me", {}))).code).toBe("session_revoked");
    expect([over, client.signedIn]).toEqual([["session_revoked"], false]);
    expect(seen).toHaveLength(1);
  });

  test("a wrong password ends no session", async () => {
    answers = [() => refusal(401, "invalid_credentials")];
    expect((await caught(client.call("login", { body: { username: "a", password: "b" } }))).code).toBe("invalid_credentials");
    expect(seen).toHaveLength(1);
  });

  test("are renewed before they run out; without a network it is tried again", async () => {
    client.adopt(TOKENS(1));
    expect(timers.at(-1)?.ms).toBe(720_000);
    timers.at(-1)?.run();
    await new Promise(setImmediate);
    expect(client.signedIn).toBe(true);
    expect(timers.at(-1)?.ms).toBe(5_000);
  });

  test("a socket gets a fresh one after the old one's time", async () => {
    client.adopt(TOKENS(1));
    expect(await client.freshToken()).toBe("token-1");
    clock = 800_000;
    answers = [() => json(200, TOKENS(2))];
    expect(await client.freshToken()).toBe("token-2");
  });
});

test("paths and queries are escaped; absent values are left out", () => {
  expect(urlOf("/api/users/{id}", { path: { id: "a/b c" } })).toBe("/api/users/a%2Fb%20c");
  expect(urlOf("/api/calls", { query: { cursor: undefined, limit: 20 } })).toBe("/api/calls?limit=20");
});
