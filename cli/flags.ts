/**
 * What a command and its flags are: the spec that `args.ts` reads a command line by, and that help
 * is made of.
 *
 * @module
 */

import {
  durationKind,
  instantKind,
  integerKind,
  numberKind,
  oneOfKind,
  percentKind,
  textKind,
  type ValueKind,
} from "./values.ts";

/** What all flags have. */
export interface FlagCommon {
  /** A sentence for `--help`. */
  readonly description: string;
  /** The environment variable that is read where the flag isn't given. */
  readonly env?: string;
  /**
   * Whether help only names it: one of the many settings that all commands share.
   * @default {false}
   */
  readonly brief?: boolean;
}

/** A flag without a value; false unless given. */
export interface SwitchFlag extends FlagCommon {
  /** The type. */
  readonly type: "boolean";
}

/** A flag whose value is text. */
export interface TextFlag extends FlagCommon {
  /** The type. */
  readonly type: "string";
  /** The value where the flag isn't given; undefined without one. */
  readonly default?: string;
  /** The only words allowed. */
  readonly choices?: readonly string[];
  /**
   * How help names the value.
   * @default {"TEXT"}
   */
  readonly placeholder?: string;
}

/** A flag whose value is a number. */
export interface NumberFlag extends FlagCommon {
  /** The type. */
  readonly type: "number";
  /** The value where the flag isn't given; undefined without one. */
  readonly default?: number;
  /**
   * The smallest value.
   * @default {-Infinity}
   */
  readonly min?: number;
  /**
   * The largest value.
   * @default {Infinity}
   */
  readonly max?: number;
  /**
   * Whether fractions are refused.
   * @default {false}
   */
  readonly integer?: boolean;
}

/** A flag whose value is written as a duration (ms), a percentage (fraction) or a time (epoch ms). */
export interface MeasureFlag extends FlagCommon {
  /** The type. */
  readonly type: "duration" | "percent" | "instant";
  /** The text that stands for the value where the flag isn't given; undefined without one. */
  readonly default?: string;
}

/** One flag. */
export type FlagSpec = SwitchFlag | TextFlag | NumberFlag | MeasureFlag;

/** Flags by name, without the dashes. */
export type FlagSpecs = Readonly<Record<string, FlagSpec>>;

/** An argument that isn't a flag. */
export interface PositionalSpec {
  /** How help names it, such as `FILE`. */
  readonly name: string;
  /** A sentence for `--help`. */
  readonly description: string;
  /**
   * Whether it must be given.
   * @default {false}
   */
  readonly required?: boolean;
  /**
   * Whether it takes all that is left.
   * @default {false}
   */
  readonly rest?: boolean;
}

/** One command. */
export interface CommandSpec<F extends FlagSpecs = FlagSpecs> {
  /** The command's name, such as `produce`. */
  readonly name: string;
  /** What it does, a sentence. */
  readonly summary: string;
  /** Its flags; `help` is always there. */
  readonly flags: F;
  /**
   * Its other arguments, in order.
   * @default {[]}
   */
  readonly positionals?: readonly PositionalSpec[];
}

/** Environment variables. */
export type Env = Readonly<Record<string, string | undefined>>;

/** The type of a flag's value: numbers in ms, fractions or epoch ms. */
export type FlagValue<S extends FlagSpec> = S extends SwitchFlag ? boolean
  :
    | (S extends TextFlag ? string : number)
    | (S extends { readonly default: string | number } ? never : undefined);

/**
 * The kind of a flag's value.
 *
 * @param flag A flag that has a value.
 * @returns Its kind.
 */
export function kindOf(flag: Exclude<FlagSpec, SwitchFlag>): ValueKind<string | number> {
  switch (flag.type) {
    case "string":
      return flag.choices === undefined ? textKind : oneOfKind(flag.choices);
    case "number":
      return flag.integer === true ? integerKind(flag) : numberKind(flag);
    case "duration":
      return durationKind();
    case "percent":
      return percentKind;
    case "instant":
      return instantKind;
  }
}
