//! What the phone does when its socket closes: comes back, leaves the line to another page, or gives up.

import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Client } from "../src/api/client";
import { Problem } from "../src/api/problem";
import { BoxSocket, type Line } from "../src/api/socket";

/** The Socket.IO client as BoxSocket uses it. */
const fake = vi.hoisted(() => {
  const listeners = new Map<string, ((payload: unknown) => void)[]>();
  return {
    listeners,
    connects: 0,
    disconnects: 0,
    connected: false,
    on(event: string, heard: (payload: unknown) => void) {
      listeners.set(event, [...(listeners.get(event) ?? []), heard]);
    },
    onAny() {},
    connect() {
      this.connects += 1;
    },
    disconnect() {
      this.disconnects += 1;
    },
    hear(event: string, payload?: unknown) {
      for (const heard of listeners.get(event) ?? []) heard(payload);
    },
  };
});
vi.mock("socket.io-client", () => ({ io: () => fake }));

/** Longer than it waits before it comes back. */
const LATER_MS = 10_000;

let lines: Line[];
let me: () => Promise<unknown>;

beforeEach(() => {
  vi.useFakeTimers();
  fake.listeners.clear();
  fake.connects = 0;
  fake.disconnects = 0;
  lines = [];
  me = async () => ({});
  const socket = new BoxSocket({ call: () => me() } as unknown as Client);
  socket.onLine = (line) => lines.push(line);
  socket.open();
  fake.hear("connect");
  fake.hear("session", { epoch: "1", resumed: false, presence: [], calls: [] });
});

afterEach(() => vi.useRealTimers());

test("a socket the box closed without a word is opened again", async () => {
  fake.hear("disconnect", "io server disconnect");
  await vi.advanceTimersByTimeAsync(LATER_MS);
  expect(lines).toEqual(["connecting", "online", "offline"]);
  expect(fake.connects).toBe(2);
});

test("a box that stops is tried again, whether it still answers or not", async () => {
  me = async () => {
    throw new Problem("unreachable");
  };
  fake.hear("closing", { reason: "box_shutdown" });
  fake.hear("disconnect", "io server disconnect");
  await vi.advanceTimersByTimeAsync(LATER_MS);
  expect(fake.connects).toBe(2);
});

test.each(["io server disconnect", "transport close"])("a replaced page leaves the line alone (%s)", async (reason) => {
  fake.hear("closing", { reason: "replaced" });
  fake.hear("disconnect", reason);
  await vi.advanceTimersByTimeAsync(LATER_MS);
  expect(lines.at(-1)).toBe("replaced");
  // By itself the client comes back after a lost transport: it has to be told not to.
  expect(fake.disconnects).toBe(1);
  expect(fake.connects).toBe(1);
});

test("an ended session is not tried again", async () => {
  me = async () => {
    throw new Problem("session_revoked", 401);
  };
  fake.hear("closing", { reason: "session_revoked" });
  fake.hear("disconnect", "io server disconnect");
  await vi.advanceTimersByTimeAsync(LATER_MS);
  expect(fake.connects).toBe(1);
});

test("a reason counts for its own connection only", async () => {
  fake.hear("closing", { reason: "replaced" });
  fake.hear("connect");
  fake.hear("disconnect", "transport close");
  expect(lines.at(-1)).toBe("offline");
});
