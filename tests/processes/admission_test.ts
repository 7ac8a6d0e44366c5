import assert from "node:assert/strict";
import { Admission } from "../../processes/admission.ts";
import { TidegateError } from "../../core/errors.ts";
import { fingerprintOf, type Plan } from "../../core/plan.ts";
import pageViews from "../../pipelines/sensor_minutes.ts";

const { plan } = pageViews;

/** Workflows of a pipeline whose state was made by a plan. */
function workflows(made: Plan | null, answers = true) {
  let asked = 0;
  const fingerprint = made === null ? null : { ...fingerprintOf(made), topicId: "a" };
  return {
    get asked() {
      return asked;
    },
    exists: () => Promise.resolve(made !== null),
    answers: () => Promise.resolve(answers),
    supervisor: () => {
      asked++;
      return Promise.resolve({ fingerprint });
    },
  };
}

Deno.test("admission: the same definition, asked about once a generation", async () => {
  const state = workflows(plan);
  const admission = new Admission(state, plan);
  await admission.atStart();
  await Promise.all([admission.admit(1), admission.admit(1)]);
  await admission.admit(1);
  assert.equal(state.asked, 2);
  await admission.admit(2);
  assert.equal(state.asked, 3);
});

Deno.test("admission: another definition is refused at the start, for good", async () => {
  const admission = new Admission(workflows({ ...plan, delayMs: 1_234 }), plan);
  await assert.rejects(admission.atStart(), (error) => {
    assert.ok(error instanceof TidegateError);
    assert.equal(error.code, "TG_DEFINITION_CHANGED");
    assert.equal(error.retryable, false);
    return true;
  });
});

Deno.test("admission: a slice by another definition is left to another worker", async () => {
  const admission = new Admission(workflows({ ...plan, delayMs: 1_234 }), plan);
  await assert.rejects(admission.admit(1), { code: "TG_DEFINITION_CHANGED", retryable: true });
  assert.equal((await admission.refused).code, "TG_DEFINITION_CHANGED");
});

Deno.test("admission: without a state, or somebody who answers for it, there is nothing to compare", async () => {
  await new Admission(workflows(null), plan).atStart();
  await new Admission(workflows({ ...plan, delayMs: 1_234 }, false), plan).atStart();
});
