/**
 * Fetching Apache Kafka's jars by Maven: Kafka has no package that a language's own tools install,
 * but all of its parts are published as Maven artifacts.
 *
 * @module
 */
import { join } from "node:path";
import type { Recipe } from "./build.ts";
import { KAFKA_PIN } from "./pins.ts";

/** The folder of the jars inside the built folder. */
export const KAFKA_JARS = "libs";

/**
 * Writes the `pom.xml` that names what is needed: the broker, its tools, and a logger (without one
 * the broker's errors would go nowhere).
 */
export function kafkaPom(): string {
  const { version, scalaVersion, slf4jVersion } = KAFKA_PIN;
  const dependency = (group: string, artifact: string, wanted: string) =>
    `    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${wanted}</version>
    </dependency>
`;
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate</groupId>
  <artifactId>local-broker</artifactId>
  <version>1</version>
  <dependencies>
${dependency("org.apache.kafka", `kafka_${scalaVersion}`, version)}${
    dependency("org.apache.kafka", "kafka-tools", version)
  }${dependency("org.slf4j", "slf4j-simple", slf4jVersion)}  </dependencies>
</project>
`;
}

/** How Kafka's jars are fetched. */
export const kafkaRecipe: Recipe = {
  title: `Kafka ${KAFKA_PIN.version}`,
  folder: `kafka-${KAFKA_PIN.version}`,
  takes: KAFKA_PIN.takes,
  megabytes: KAFKA_PIN.megabytes,
  files: { "pom.xml": kafkaPom() },
  command(into) {
    const goal = `${KAFKA_PIN.copyPlugin}:copy-dependencies`;
    const output = `-DoutputDirectory=${join(into, KAFKA_JARS)}`;
    return { program: "mvn", args: ["-B", goal, output], env: {} };
  },
  progress(lines) {
    const files = lines.filter((line) => line.includes("Downloaded from")).length;
    return files === 0 ? "" : `${files} files fetched`;
  },
  async check(into, machine) {
    const { version, scalaVersion, slf4jVersion } = KAFKA_PIN;
    const jars = [
      `kafka_${scalaVersion}-${version}.jar`,
      `kafka-tools-${version}.jar`,
      `slf4j-simple-${slf4jVersion}.jar`,
    ];
    for (const jar of jars) {
      if (!await machine.exists(join(into, KAFKA_JARS, jar))) return `${jar} was not fetched`;
    }
    return null;
  },
};
