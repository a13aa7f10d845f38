// A box as a local process, for tests in JavaScript: started on free loopback ports, read up to `ready`, stopped.
// The Python suite has the same in callbox_hil/box.py.

import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { request as plainRequest } from "node:http";
import { request as secureRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const BINARY = process.env.CALLBOX_BIN ?? new URL("../../target/release/callbox", import.meta.url).pathname;
const READY_WITHIN_MS = 30_000;
const LISTENERS = ["https", "http", "media", "turn", "federation"];
export const PASSWORD = "correct horse battery 7";

/** Rejects when `promise` is not settled in time. */
export async function within(milliseconds, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${milliseconds} ms: ${what}`)), milliseconds);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

export class Box {
  /** Starts a box that is not set up. */
  static async start() {
    const box = new Box();
    box.folder = await mkdtemp(join(tmpdir(), "callbox-js-"));
    box.log = "";
    await box.#launch();
    box.ca = await box.#fetchCa();
    box.caFile = join(box.folder, "ca.pem");
    await writeFile(box.caFile, box.ca);
    return box;
  }

  /** Runs the program on the ports it had before; the first time on free ones. */
  async #launch() {
    const ports = LISTENERS.flatMap((name) => [`--${name}`, this[name] ? new URL(this[name]).host : "127.0.0.1:0"]);
    const options = ["serve", "--data-dir", join(this.folder, "data"), ...ports];
    this.process = spawn(BINARY, options, { stdio: ["ignore", "pipe", "pipe"] });
    this.process.stderr.on("data", (chunk) => (this.log += chunk));
    this.ended = new Promise((resolve) => this.process.once("exit", resolve).once("error", resolve));
    try {
      await within(READY_WITHIN_MS, "ready", this.#readLines());
    } catch (error) {
      await this.stop();
      throw new Error(`the box did not start: ${error.message}\n${this.log}`);
    }
  }

  /** Ends the program (SIGKILL is a power cut) and starts it again with the same ports and data. */
  async restart(signal) {
    this.process.kill(signal);
    await within(10_000, `an end after ${signal}`, this.ended);
    await this.#launch();
  }

  async #readLines() {
    for await (const line of createInterface({ input: this.process.stdout })) {
      const listener = /^listening (\w+) (\S+)$/.exec(line);
      if (listener && !this[listener[1]]) this[listener[1]] = listener[2].replace(/\/$/, "");
      const code = /^setup code: (\S+)$/.exec(line);
      if (code) this.setupCode = code[1];
      if (line === "ready") return;
    }
    throw new Error("stdout ended");
  }

  async #fetchCa() {
    const { status, text } = await send(plainRequest, `${this.http}/ca.pem`, {});
    if (status !== 200) throw new Error(`/ca.pem: ${status}`);
    return text;
  }

  /** One REST request; answers with the body, or throws naming the status. */
  async rest(method, path, { token, body, headers } = {}) {
    const all = { ...headers };
    if (token) all.Authorization = `Bearer ${token}`;
    if (body !== undefined) all["Content-Type"] = "application/json";
    const options = { method, headers: all, ca: this.ca, agent: false };
    const { status, text } = await send(secureRequest, this.https + path, options, body);
    if (status >= 300) throw new Error(`${method} ${path}: ${status} ${text}`);
    return text ? JSON.parse(text) : undefined;
  }

  /** The wizard over REST; answers with the admin's login. */
  setUp() {
    const admin = { username: "admin", password: PASSWORD, displayName: "Admin" };
    return this.rest("POST", "/api/setup", { body: { code: this.setupCode, boxName: "Test box", admin } });
  }

  /** Adds a user and signs in. */
  async user(admin, username) {
    const body = { username, password: PASSWORD, displayName: username };
    await this.rest("POST", "/api/users", { token: admin.accessToken, body });
    const device = { name: `${username}'s`, platform: "test" };
    return this.rest("POST", "/api/auth/login", { body: { username, password: PASSWORD, device } });
  }

  /** Stops the box and answers with its exit code. */
  async stop() {
    this.process.kill("SIGTERM");
    try {
      return await within(10_000, "a clean stop", this.ended);
    } finally {
      this.process.kill("SIGKILL");
      await rm(this.folder, { recursive: true, force: true });
    }
  }
}

function send(request, url, options, body) {
  return new Promise((resolve, reject) => {
    const sent = request(url, options, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode, text }));
      response.on("error", reject);
    });
    sent.on("error", reject);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
