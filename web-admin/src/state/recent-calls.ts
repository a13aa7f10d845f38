//! The newest calls of the whole box, for the console. The box lists calls per person only, so the journal names
//! the calls and each is asked for.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { Call, Outcome } from "../api/model";
import { asProblem, type Problem } from "../api/problem";

/** Lines of the journal that are looked through: a call has about four. */
const LINES = 100;

export class RecentCalls {
  /** null until they are here. */
  readonly calls = signal<Call[] | null>(null);
  readonly problem = signal<Problem | null>(null);

  constructor(
    private readonly client: Client,
    private readonly count = 8,
  ) {}

  async load(): Promise<void> {
    try {
      const { items } = await this.client.call("listAudit", { query: { limit: LINES } });
      const named = new Set(items.flatMap((line) => line.callId ?? []));
      const ids = [...named].slice(0, this.count);
      const calls = await Promise.all(ids.map((id) => this.#one(id)));
      this.calls.value = calls.filter((call) => call !== null).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
    }
  }

  async #one(id: string): Promise<Call | null> {
    try {
      return await this.client.call("getCall", { path: { id } });
    } catch (error) {
      // The journal may be older than what is kept of a call.
      if (asProblem(error).code === "not_found") return null;
      throw error;
    }
  }
}

/** How a call went for the one who made it. The box says it to the two parties only. */
export function outcomeOf(call: Call): Outcome | "live" {
  if (call.outcome) return call.outcome;
  if (!call.endedAt) return "live";
  if (call.answeredAt) return "answered";
  switch (call.endReason) {
    case "timeout": return "missed";
    case "cancelled": return "cancelled";
    case "rejected": return "rejected";
    // Nothing has ended, as nothing began: refused for a busy line or "do not disturb".
    case null:
    case undefined: return "busy";
    default: return "failed";
  }
}
