//! The own calls, newest first, a page at a time.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Call, Party } from "../api/model";
import { asProblem, type Problem } from "../api/problem";

export class History {
  readonly calls = signal<Call[]>([]);
  readonly loading = signal(true);
  readonly problem = signal<Problem | null>(null);
  readonly next = signal<string | null>(null);

  constructor(
    private readonly client: Client,
    private readonly pageSize = 50,
  ) {}

  async load(): Promise<void> {
    await this.#page(null);
  }

  async more(): Promise<void> {
    if (this.next.value !== null) await this.#page(this.next.value);
  }

  async #page(cursor: string | null): Promise<void> {
    this.loading.value = true;
    try {
      const query = cursor === null ? { limit: this.pageSize } : { limit: this.pageSize, cursor };
      const page = await this.client.call("listCalls", { query });
      this.calls.value = cursor === null ? page.items : [...this.calls.value, ...page.items];
      this.next.value = page.nextCursor ?? null;
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
    } finally {
      this.loading.value = false;
    }
  }
}

/** The one at the other end. */
export function otherParty(call: Call): Party {
  return call.direction === "incoming" ? call.caller : call.callee;
}
