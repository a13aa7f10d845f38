//! The box itself: its name, whether it is set up, its health.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Box, Health } from "../api/model";
import { asProblem, type Problem } from "../api/problem";
import { thisDevice } from "./session";

export class BoxState {
  readonly box = signal<Box | null>(null);
  readonly health = signal<Health | null>(null);
  readonly problem = signal<Problem | null>(null);

  constructor(private readonly client: Client) {}

  async load(): Promise<void> {
    try {
      this.box.value = await this.client.call("box", {});
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
    }
  }

  async loadHealth(): Promise<void> {
    try {
      this.health.value = await this.client.call("health", {});
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
    }
  }
}

export interface SetupForm {
  code: string;
  boxName: string;
  username: string;
  password: string;
  displayName: string;
}

/** Sets the box up and signs the admin in on this browser. Throws Problem. */
export async function setUp(client: Client, form: SetupForm): Promise<void> {
  const admin = { username: form.username.trim(), password: form.password, displayName: form.displayName.trim() };
  const body = { code: form.code.trim().toUpperCase(), boxName: form.boxName.trim(), admin };
  const first = await client.call("setup", { body });
  // The answer's refresh token may be readable by scripts. A login as "web" gets a cookie instead, and the first
  // session is ended.
  client.adopt(first);
  try {
    await client.call("logout", {});
  } catch {
    // It then ends by itself.
  }
  client.forget();
  client.adopt(await client.call("login", { body: { username: admin.username, password: admin.password, device: thisDevice() } }));
}
