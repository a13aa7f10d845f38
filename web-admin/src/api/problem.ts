//! Every failure the pages know, whether it came over REST, in a Socket.IO ack or from the network itself.

import type { FieldError } from "./model";

/** Codes the pages make themselves, beside those of the box. */
export type LocalCode = "unreachable" | "no_answer" | "unexpected";

/** A failure with a stable code. The code chooses the sentence a person reads; `detail` is for developers. */
export class Problem extends Error {
  override readonly name = "Problem";

  constructor(
    readonly code: string,
    readonly status = 0,
    readonly detail = "",
    readonly fields: FieldError[] = [],
    /** Seconds to wait, from `Retry-After`. */
    readonly retryAfter: number | null = null,
    /** The call a `glare` answer speaks of. */
    readonly callId: string | null = null,
  ) {
    super(detail === "" ? code : `${code}: ${detail}`);
  }
}

/** Anything thrown, as a Problem. */
export function asProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  const detail = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return new Problem("unexpected" satisfies LocalCode, 0, detail);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null;
}

function fieldErrors(value: unknown): FieldError[] {
  if (!Array.isArray(value)) return [];
  return value.filter(isRecord).map((one) => ({ field: String(one["field"] ?? ""), code: String(one["code"] ?? "") }));
}

/** Reads an `application/problem+json` answer (RFC 9457). A body that is none gets a code from its status. */
export async function problemOf(response: Response): Promise<Problem> {
  let body: unknown = null;
  try {
    body = await response.json();
  } catch {
    // Not JSON: a proxy's page or an empty body. The status still says enough.
  }
  const fields = isRecord(body) ? body : {};
  const code = typeof fields["code"] === "string" ? fields["code"] : codeOfStatus(response.status);
  const after = Number(response.headers.get("Retry-After") ?? Number.NaN);
  return new Problem(
    code,
    response.status,
    typeof fields["detail"] === "string" ? fields["detail"] : "",
    fieldErrors(fields["errors"]),
    Number.isFinite(after) ? after : null,
    typeof fields["callId"] === "string" ? fields["callId"] : null,
  );
}

function codeOfStatus(status: number): string {
  switch (status) {
    case 401: return "unauthorized";
    case 403: return "forbidden";
    case 404: return "not_found";
    case 412: return "version_conflict";
    case 413: return "payload_too_large";
    case 422: return "invalid_input";
    case 429: return "rate_limited";
    case 503: return "busy";
    default: return "unexpected" satisfies LocalCode;
  }
}
