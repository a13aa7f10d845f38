//! The people of this box and where they are right now.

import { computed, signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { UserPresence } from "../api/events";
import type { User } from "../api/model";
import { asProblem, type Problem } from "../api/problem";

const PAGE = 200;

export class Directory {
  readonly users = signal<User[]>([]);
  readonly loading = signal(true);
  readonly problem = signal<Problem | null>(null);
  /** The directory with the presence that came since it was loaded. */
  readonly people = computed<User[]>(() => {
    const live = this.#presence.value;
    return this.users.value
      .map((user) => {
        const now = live.get(user.id);
        return now ? { ...user, presence: now.presence, doNotDisturb: now.doNotDisturb } : user;
      })
      .sort((a, b) => a.displayName.localeCompare(b.displayName));
  });

  #presence = signal<ReadonlyMap<string, UserPresence>>(new Map());

  constructor(private readonly client: Client) {}

  async load(): Promise<void> {
    this.loading.value = true;
    try {
      const users: User[] = [];
      let cursor: string | null | undefined;
      do {
        const query = cursor ? { cursor, limit: PAGE } : { limit: PAGE };
        const page = await this.client.call("listUsers", { query });
        users.push(...page.items);
        cursor = page.nextCursor;
      } while (cursor);
      this.users.value = users;
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
    } finally {
      this.loading.value = false;
    }
  }

  find(id: string): User | undefined {
    return this.people.peek().find((user) => user.id === id);
  }

  /** A full snapshot replaces what was known. */
  snapshot(all: UserPresence[]): void {
    this.#presence.value = new Map(all.map((one) => [one.userId, one]));
  }

  changed(one: UserPresence): void {
    const next = new Map(this.#presence.value);
    next.set(one.userId, one);
    this.#presence.value = next;
    // Somebody who was added after the list was loaded.
    if (!this.loading.peek() && !this.users.peek().some((user) => user.id === one.userId)) void this.load();
  }
}
