//! A problem as a sentence with a remedy.

import type { Problem } from "../api/problem";
import { t, word } from ".";

export function problemText(problem: Problem): string {
  if (problem.code === "rate_limited" && problem.retryAfter !== null) {
    return t("problem.rateLimitedFor", { seconds: problem.retryAfter });
  }
  return codeText(problem.code);
}

export function codeText(code: string): string {
  return word("problem", code, "problem.unexpected");
}

/** The sentence for one field of a form, or undefined. Nested names (`admin.username`) match by their last part. */
export function fieldText(problem: Problem | null, field: string): string | undefined {
  const error = problem?.fields.find((one) => one.field === field || one.field.split(/[./]/).at(-1) === field);
  return error && word("invalid", error.code, "invalid.other");
}
