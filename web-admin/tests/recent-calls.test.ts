//! How the console words a call that it was no party of.

import { expect, test } from "vitest";
import type { Call } from "../src/api/model";
import { outcomeOf } from "../src/state/recent-calls";

const call = (fields: Partial<Call>) => fields as Call;

test.each([
  [{}, "live"],
  [{ endReason: "hangup", answeredAt: "2026-01-01T00:00:00Z" }, "answered"],
  [{ endReason: "error", answeredAt: "2026-01-01T00:00:00Z" }, "answered"],
  [{ endReason: "timeout" }, "missed"],
  [{ endReason: "cancelled" }, "cancelled"],
  [{ endReason: "rejected" }, "rejected"],
  [{ endReason: "error" }, "failed"],
  [{ endReason: "error", outcome: "busy" }, "busy"],
] as [Partial<Call>, string][])("%j is %s", (fields, outcome) => expect(outcomeOf(call(fields))).toBe(outcome));
