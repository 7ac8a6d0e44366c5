import assert from "node:assert/strict";
import { until } from "../_support/until.ts";

const ignore = (["net", "env"] as const)
  .some((name) => Deno.permissions.querySync({ name }).state !== "granted");
const { signal } = new AbortController();

/** A student's log. */
const log = {
  student_id: "s-0001",
  course: "CS-101",
  activity: "coding",
  lines_of_code: 1,
  cpu_usage_pct: 1,
  event_time: "2026-01-01T00:00:00Z",
};

Deno.test({
  name: "the lookup service answers after its delay, and counts",
  ignore,
  async fn() {
    const { startLookupService } = await import("../../../producer/lookup_service.ts");
    const service = startLookupService({ delayMs: 30 });
    assert.match(service.url, /^http:\/\/127\.0\.0\.1:\d+$/);
    const began = performance.now();
    const answers = await Promise.all(["s-1", "s-2", "s-1"].map(async (student) => {
      const response = await fetch(`${service.url}/students/${student}`);
      return await response.json();
    }));
    assert.ok(performance.now() - began >= 29);
    assert.deepEqual(answers[0], answers[2]);
    for (const answer of answers) assert.match(answer.faculty, /^[a-z]+$/);
    assert.equal(service.calls, 3);
    const unknown = await fetch(`${service.url}/teachers/1`);
    assert.equal(unknown.status, 404);
    await unknown.body?.cancel();
    assert.equal(service.calls, 3);
    await service.stop();
  },
});

Deno.test({
  name: "the lookup service ends with lookups under way and connections kept alive",
  ignore,
  async fn() {
    const { startLookupService } = await import("../../../producer/lookup_service.ts");
    const service = startLookupService({ delayMs: 60_000 });
    const asked = fetch(`${service.url}/students/s-1`).then(
      (response) => response.body?.cancel(),
      () => undefined,
    );
    await until("a lookup under way", () => service.calls > 0 ? true : undefined, { everyMs: 5 });
    await service.stop();
    await asked;
    await assert.rejects(fetch(`${service.url}/students/s-1`));
  },
});

Deno.test({
  name: "spike looks students up where its variable says, and names it where it is unset",
  ignore,
  async fn() {
    const { startLookupService } = await import("../../../producer/lookup_service.ts");
    const { lookUpFaculty, LOOKUP_VARIABLE } = await import("../../../pipelines/load_test.ts");
    Deno.env.delete(LOOKUP_VARIABLE);
    await assert.rejects(lookUpFaculty(log, { signal }), {
      code: "TG_CONFIG",
      message: /TIDEGATE_SPIKE_LOOKUP must be the URL/,
      next: /TIDEGATE_SPIKE_LOOKUP/,
    });
    const service = startLookupService({ delayMs: 0 });
    try {
      Deno.env.set(LOOKUP_VARIABLE, service.url);
      assert.match((await lookUpFaculty(log, { signal })).faculty, /^[a-z]+$/);
      Deno.env.set(LOOKUP_VARIABLE, `${service.url}/nowhere`);
      await assert.rejects(lookUpFaculty(log, { signal }), /answered 404$/);
    } finally {
      Deno.env.delete(LOOKUP_VARIABLE);
      await service.stop();
    }
  },
});
