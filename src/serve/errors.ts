/** What goes wrong, in OpenAI's words. */
import { HTTPException } from "hono/http-exception";
import type { z } from "zod";
import { FormatError, RequestError } from "../errors.ts";

/** What a response says beside the message: `param` is the key of the request, `code` a word for programs. */
interface Told {
  readonly param?: string | undefined;
  readonly code?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is refused, with what OpenAI's clients look at. */
export class ProtocolError extends RequestError {
  readonly told: Told;
  constructor(status: number, message: string, told: Told = {}) {
    super(message, status);
    this.told = told;
  }
}

/** The body of every error. */
export interface ErrorBody {
  readonly error: {
    readonly message: string;
    readonly type: string;
    readonly param: string | null;
    readonly code: string | null;
  };
}

/** An error as status, body and headers. Only messages that were written for the caller are told. */
export function refusal(error: unknown): { status: number; body: ErrorBody; headers: Record<string, string> } {
  const status = statusOf(error);
  const { param = null, code = null, headers = {} } = error instanceof ProtocolError ? error.told : {};
  const message =
    status === 500 ? "the server failed at this request; its log says how" : (error as Error).message || "refused";
  return { status, body: { error: { message, type: typeOf(status), param, code } }, headers: { ...headers } };
}

function statusOf(error: unknown): number {
  if (error instanceof RequestError || error instanceof HTTPException) return error.status;
  return error instanceof FormatError ? 400 : 500;
}

function typeOf(status: number): string {
  if (status === 401) return "authentication_error";
  if (status === 403) return "permission_error";
  if (status === 429) return "rate_limit_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

/** The first thing that a body has wrong. */
export function unfit({ issues: [issue] }: z.ZodError): ProtocolError {
  const param = issue.path.map(String).join(".");
  return new ProtocolError(400, `${param || "the body"}: ${issue.message}`, { param: param || undefined });
}
