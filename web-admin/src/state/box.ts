//! The box itself: its name, whether it is set up, its health.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Box, Health } from "../api/model";
import { asProblem, type Problem } from "../api/problem";

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
