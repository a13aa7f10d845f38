//! The users as the console manages them: list, add, change with If-Match, delete, connect a phone.

import { signal } from "@preact/signals";
import type { Client } from "../api/client";
import type { CreateUser, Enrolment, PatchUser, User } from "../api/model";
import { asProblem, type Problem } from "../api/problem";
import { Directory } from "./directory";

/** A user with the tag that a change has to name. */
export interface Opened {
  user: User;
  etag: string;
}

export class Users {
  readonly directory: Directory;
  readonly busy = signal(false);
  /** What went wrong with the last change. */
  readonly problem = signal<Problem | null>(null);

  constructor(private readonly client: Client) {
    this.directory = new Directory(client);
  }

  /** Reads one user anew, for a form. */
  async open(id: string): Promise<Opened | null> {
    return this.#work(async () => {
      const { value, etag } = await this.client.callTagged("getUser", { path: { id } });
      return { user: value, etag: etag ?? `"${value.version}"` };
    });
  }

  async add(user: CreateUser): Promise<boolean> {
    return this.#change(() => this.client.call("createUser", { body: user }));
  }

  async change(opened: Opened, patch: PatchUser): Promise<boolean> {
    return this.#change(() => this.client.call("patchUser", { path: { id: opened.user.id }, body: patch }, opened.etag));
  }

  async remove(opened: Opened): Promise<boolean> {
    return this.#change(() => this.client.call("deleteUser", { path: { id: opened.user.id } }, opened.etag));
  }

  async enrolment(user: User): Promise<Enrolment | null> {
    return this.#work(() => this.client.call("issueEnrolment", { path: { id: user.id } }));
  }

  forgetProblem(): void {
    this.problem.value = null;
  }

  async #change(work: () => Promise<unknown>): Promise<boolean> {
    const done = await this.#work(async () => {
      await work();
      return true;
    });
    if (done) await this.directory.load();
    return done === true;
  }

  async #work<T>(work: () => Promise<T>): Promise<T | null> {
    this.busy.value = true;
    this.problem.value = null;
    try {
      return await work();
    } catch (error) {
      this.problem.value = asProblem(error);
      return null;
    } finally {
      this.busy.value = false;
    }
  }
}
