//! How the console words a call that it was no party of.

import { expect, test } from "vitest";
import type { Call } from "../src/api/model";
import { outcomeOf } from "../src/state/recent-calls";

const END = "2026-01-01T00:01:00Z";
const call = (fields: Partial<Call>) => fields as Call;

test.each([
  [{}, "live"],
  [{ endedAt: END }, "busy"],
  [{ endedAt: END, endReason: "hangup", answeredAt: "2026-01-01T00:00:00Z" }, "answered"],
  [{ endedAt: END, endReason: "error", answeredAt: "2026-01-01T00:00:00Z" }, "answered"],
  [{ endedAt: END, endReason: "timeout" }, "missed"],
  [{ endedAt: END, endReason: "cancelled" }, "cancelled"],
  [{ endedAt: END, endReason: "rejected" }, "rejected"],
  [{ endedAt: END, endReason: "error" }, "failed"],
  [{ endReason: "error", outcome: "busy" }, "busy"],
] as [Partial<Call>, string][])("%j is %s", (fields, outcome) => expect(outcomeOf(call(fields))).toBe(outcome));
