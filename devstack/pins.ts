/**
 * The versions that Tidegate builds for itself, and what building them takes. Pinned, because a
 * build must give the same servers on every machine; sizes and times are what a person is told
 * before waiting.
 *
 * @module
 */

/** A pinned build. */
export interface Pin {
  /** Version to build. */
  readonly version: string;
  /** How long the first build takes, in words for people. */
  readonly takes: string;
  /** Size of the result on disk in MB. */
  readonly megabytes: number;
}

/** A pinned build by Go. */
export interface TemporalPin extends Pin {
  /** The package to install. */
  readonly module: string;
  /** The version of the server inside. */
  readonly serverVersion: string;
  /** The variable that holds the program's own version; empty unless the linker sets it. */
  readonly versionVariable: string;
  /** How many packages are compiled with an empty cache. */
  readonly packages: number;
}

/** A pinned build by Maven. */
export interface KafkaPin extends Pin {
  /** The Scala version in the artifact's name. */
  readonly scalaVersion: string;
  /** The version of the logger, which must be the one of the slf4j-api that this Kafka wants. */
  readonly slf4jVersion: string;
  /** The Maven plugin that copies jars, with its version. */
  readonly copyPlugin: string;
}

/**
 * Temporal's CLI, whose dev server is used. Later versions have a replace directive in their
 * `go.mod` and refuse `go install`.
 *
 * Measured 2026-11-22 on 2 cores: 3 to 5 min with an empty Go cache, 10 s with a full one; 252 MB,
 * 213 MB stripped.
 */
export const TEMPORAL_PIN: TemporalPin = {
  version: "1.5.1",
  takes: "3 to 5 minutes",
  megabytes: 213,
  module: "github.com/temporalio/cli/cmd/temporal",
  serverVersion: "1.29.1",
  versionVariable: "github.com/temporalio/cli/temporalcli.Version",
  packages: 1298,
};

/** Apache Kafka. Measured 2026-11-22 on 2 cores: 15 s with an empty Maven cache; 54 MB, 93 jars. */
export const KAFKA_PIN: KafkaPin = {
  version: "4.1.0",
  takes: "10 to 30 seconds",
  megabytes: 54,
  scalaVersion: "2.13",
  slf4jVersion: "1.7.36",
  copyPlugin: "org.apache.maven.plugins:maven-dependency-plugin:3.8.1",
};

/**
 * The oldest versions that are good enough where the PATH has the programs.
 *
 * Go 1.21 is the first that fetches a newer toolchain by itself, which Temporal's `go.mod` (1.25)
 * asks for. Kafka 3.3 is the first with KRaft for production. Temporal server 1.29 is the one that
 * was measured; older ones were not tried, so they are not taken.
 */
export const OLDEST = {
  go: "1.21",
  java: 17,
  kafka: "3.3",
  temporalServer: "1.29",
} as const;
