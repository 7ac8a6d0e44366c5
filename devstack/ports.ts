/**
 * Ports: is one free, which one is free, and the error when one is taken.
 *
 * @module
 */
import { TidegateError } from "../core/errors.ts";

/** The only interface the local servers listen on. */
export const LOCALHOST = "127.0.0.1";

/** A port as the user wants it. */
export interface WantedPort {
  /** The port; 0 means any. */
  readonly port: number;
  /** What is to listen there, as in "the broker". */
  readonly what: string;
  /** The setting that changes it. */
  readonly setting: string;
  /** The port taken last, tried first where any will do. */
  readonly last?: number | undefined;
}

/** Listens on a port of this machine for a moment; null if somebody has it. */
function tryListen(port: number): Deno.TcpListener | null {
  try {
    return Deno.listen({ hostname: LOCALHOST, port });
  } catch (error) {
    if (error instanceof Deno.errors.AddrInUse) return null;
    throw error;
  }
}

/** Whether somebody listens on a port of this machine; 0, any port, is never taken. */
export function isTaken(port: number): boolean {
  const listener = tryListen(port);
  listener?.close();
  return listener === null;
}

/**
 * The error for ports that somebody else has.
 *
 * @param taken The ports, what for, and their settings; at least one.
 * @param hint One more sentence on what was found there; may be empty.
 */
export function portsTaken(taken: readonly WantedPort[], hint = ""): TidegateError {
  const what = taken.map((one) => one.what).join(" and ");
  const ports = taken.map((one) => one.port).join(" and ");
  const settings = taken.map((one) => one.setting).join(" and ");
  const look = taken.map((one) => `-i :${one.port}`).join(" ");
  const [port, a, it] = taken.length === 1 ? ["port", "a ", "one"] : ["ports", "", "ones"];
  return new TidegateError(
    "TG_PORT_TAKEN",
    `Cannot start ${what}: ${port} ${ports} must be free, got ${it} that another program listens on`,
    {
      next:
        `Set ${settings} to ${a}free ${port}, or stop that program (\`lsof ${look}\` names it).${
          hint === "" ? "" : ` ${hint}`
        }`,
    },
  );
}

/**
 * Finds the ports to start a server on.
 *
 * All are held until all are found, so that no two are the same; between this and the server's own
 * listening somebody may still take one, which the server then reports.
 *
 * @param wanted The ports that settings fix or leave open.
 * @param extra How many more free ports the server needs for itself.
 * @returns The ports, the wanted ones first, in their order.
 * @throws {TidegateError} `TG_PORT_TAKEN`, `TG_CONFIG` for a port below 1024 without the right.
 */
export function choosePorts(wanted: readonly WantedPort[], extra: number): number[] {
  const fixed = new Set(wanted.map((one) => one.port));
  const held: Deno.TcpListener[] = [];
  try {
    const hold = (port: number): number | null => {
      const listener = tryListen(port);
      if (listener === null) return null;
      held.push(listener);
      return listener.addr.port;
    };
    const any = (): number => {
      const port = hold(0);
      if (port === null) throw new TidegateError("TG_STACK", "Cannot find a free port");
      return port;
    };
    const ports: number[] = [];
    const taken: WantedPort[] = [];
    for (const one of wanted) {
      if (one.port === 0) {
        const last = fixed.has(one.last ?? 0) ? 0 : one.last ?? 0;
        ports.push((last === 0 ? null : hold(last)) ?? any());
        continue;
      }
      const port = hold(one.port);
      if (port === null) taken.push(one);
      ports.push(port ?? one.port);
    }
    if (taken.length > 0) throw portsTaken(taken);
    for (let i = 0; i < extra; i++) ports.push(any());
    return ports;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) {
      const settings = wanted.map((one) => one.setting).join(", ");
      throw new TidegateError("TG_CONFIG", `Cannot listen: ${error.message}`, {
        next: `Set ${settings} to ports above 1023.`,
        cause: error,
      });
    }
    throw error;
  } finally {
    for (const listener of held) listener.close();
  }
}
