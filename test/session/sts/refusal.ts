/** An answer of AWS that is an error, with the code that clients decide by. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: string;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
  }
}

/** What IAM says to a principal that it knows. */
export function notAuthorized(principal: string, action: string, resource: string): Refusal {
  return new Refusal(
    403,
    'AccessDenied',
    `User: ${principal} is not authorized to perform: ${action} on resource: ${resource}`,
  );
}
