//! The first start: names the box, makes its admin and signs the admin in on this browser.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import { asProblem, type Problem } from "../api/problem";
import { thisDevice } from "./session";

export interface SetupForm {
  code: string;
  boxName: string;
  username: string;
  password: string;
  displayName: string;
}

export class Setup {
  readonly busy = signal(false);
  readonly problem = signal<Problem | null>(null);

  constructor(private readonly client: Client) {}

  /** True when the box is set up and the admin is signed in. */
  async submit(form: SetupForm): Promise<boolean> {
    this.busy.value = true;
    this.problem.value = null;
    try {
      await this.#setUp(form);
      return true;
    } catch (error) {
      this.problem.value = asProblem(error);
      return false;
    } finally {
      this.busy.value = false;
    }
  }

  async #setUp(form: SetupForm): Promise<void> {
    const admin = { username: form.username.trim(), password: form.password, displayName: form.displayName.trim() };
    const body = { code: form.code.trim().toUpperCase(), boxName: form.boxName.trim(), admin };
    const first = await this.client.call("setup", { body });
    // The answer's refresh token may be readable by scripts. A login as "web" gets a cookie instead, and the first
    // session is ended.
    this.client.adopt(first);
    try {
      await this.client.call("logout", {});
    } catch {
      // It then ends by itself.
    }
    this.client.forget();
    const device = thisDevice();
    this.client.adopt(await this.client.call("login", { body: { username: admin.username, password: admin.password, device } }));
  }
}
