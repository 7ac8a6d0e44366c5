/**
 * Builds the Flink job once for all projects of this machine, as the local broker is built: the jars
 * by Maven, the job by the Java compiler that comes with Maven's own plugin.
 *
 * @module
 */

import { createHash } from "node:crypto";
import { join } from "node:path";
import { ensureBuilt, OLDEST, type Recipe } from "../../../../devstack/build.ts";
import {
  findJava,
  type MissingTool,
  thisMachine,
  toolsMissing,
} from "../../../../devstack/machine.ts";

/** The versions that are measured. */
export const FLINK_PIN = {
  flink: "1.20.5",
  connector: "3.4.0-1.20",
  jackson: "2.18.2",
  slf4j: "1.7.36",
  compilePlugin: "org.apache.maven.plugins:maven-compiler-plugin:3.13.0",
  copyPlugin: "org.apache.maven.plugins:maven-dependency-plugin:3.8.1",
} as const;

/** The folder of the jars inside the built folder. */
const JARS = "libs";
/** The folder of the compiled job. */
const CLASSES = "target/classes";

/** A job that is built. */
export interface FlinkJob {
  /** The Java program. */
  readonly java: string;
  /** Its class path. */
  readonly classPath: string;
}

/**
 * Builds the job if it is not built yet (about 20 s, 80 MB).
 *
 * @throws {TidegateError} `TG_TOOL_MISSING`, `TG_BUILD_FAILED`.
 */
export async function buildFlinkJob(
  cacheDir: string,
  say: (line: string) => void,
): Promise<FlinkJob> {
  const java = await findJava(thisMachine);
  const maven = await thisMachine.run("mvn", ["--version"]);
  const missing: MissingTool[] = [];
  if (java === null || java.major < OLDEST.java) {
    const found = java === null ? null : `Java ${java.major}`;
    missing.push({ tool: "java", found, purpose: "run Flink", install: "Install a JDK 17." });
  }
  if (maven === null) {
    const install = "Install Maven.";
    missing.push({ tool: "mvn", found: null, purpose: "fetch and build the Flink job", install });
  }
  if (java === null || missing.length > 0) throw toolsMissing(missing, false);
  const source = await Deno.readTextFile(new URL("BenchJob.java", import.meta.url));
  const folder = await ensureBuilt(flinkRecipe(source), { cacheDir, say });
  return {
    java: java.program,
    classPath: `${join(folder, CLASSES)}:${join(folder, JARS, "*")}`,
  };
}

/** How the job of a source text is built; another text is another build. */
export function flinkRecipe(source: string): Recipe {
  const pom = flinkPom();
  const hash = createHash("sha256").update(pom).update(source).digest("hex").slice(0, 8);
  return {
    title: `the Flink ${FLINK_PIN.flink} job`,
    folder: `flink-${FLINK_PIN.flink}-${hash}`,
    takes: "10 to 30 seconds",
    megabytes: 80,
    files: { "pom.xml": pom, "BenchJob.java": source },
    command(into) {
      const { compilePlugin, copyPlugin } = FLINK_PIN;
      const output = `-DoutputDirectory=${join(into, JARS)}`;
      const goals = [`${compilePlugin}:compile`, `${copyPlugin}:copy-dependencies`];
      return { program: "mvn", args: ["-B", ...goals, output], env: {} };
    },
    progress(lines) {
      const files = lines.filter((line) => line.includes("Downloaded from")).length;
      return files === 0 ? "" : `${files} files fetched`;
    },
    async check(into, machine) {
      const wanted = [
        join(CLASSES, "tidegate/peer/BenchJob.class"),
        join(JARS, `flink-streaming-java-${FLINK_PIN.flink}.jar`),
        join(JARS, `flink-connector-kafka-${FLINK_PIN.connector}.jar`),
      ];
      for (const file of wanted) {
        if (!await machine.exists(join(into, file))) return `${file} was not made`;
      }
      return null;
    },
  };
}

function flinkPom(): string {
  const { flink, connector, jackson, slf4j } = FLINK_PIN;
  const dependency = (group: string, artifact: string, version: string) =>
    `    <dependency>
      <groupId>${group}</groupId>
      <artifactId>${artifact}</artifactId>
      <version>${version}</version>
    </dependency>
`;
  return `<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>tidegate</groupId>
  <artifactId>peer-flink</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.release>17</maven.compiler.release>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <build>
    <sourceDirectory>\${project.basedir}</sourceDirectory>
  </build>
  <dependencies>
${dependency("org.apache.flink", "flink-clients", flink)}${
    dependency("org.apache.flink", "flink-streaming-java", flink)
  }${dependency("org.apache.flink", "flink-connector-base", flink)}${
    dependency("org.apache.flink", "flink-connector-kafka", connector)
  }${dependency("com.fasterxml.jackson.core", "jackson-core", jackson)}${
    dependency("com.fasterxml.jackson.core", "jackson-databind", jackson)
  }${dependency("org.slf4j", "slf4j-simple", slf4j)}  </dependencies>
</project>
`;
}
