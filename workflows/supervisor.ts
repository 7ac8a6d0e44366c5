/**
 * The supervisor workflow of a pipeline: the lease of its control process, its generation and the
 * fingerprint of its definition; and, while a control process holds the lease, the loop that looks
 * at the load, decides how many workers there are to be, and has it done.
 *
 * @module
 */

import {
  allHandlersFinished,
  ApplicationFailure,
  CancellationScope,
  condition,
  continueAsNew,
  isCancellation,
  proxyActivities,
  proxySinks,
  setHandler,
  upsertSearchAttributes,
} from "@temporalio/workflow";
import {
  configureFleet,
  fleetSettings,
  type FleetState,
  lookedFleet,
  NO_FLEET,
  overrideFleet,
  refuseBounds,
  refuseWorkers,
  sampleFleetState,
  setFleetBounds,
  standDownFleet,
} from "../core/scaling/fleet.ts";
import { controlQueue } from "../core/ids.ts";
import { decideLease, NO_LEASE, releaseLease, renewLease } from "../core/flow/lease.ts";
import { isLong } from "./durable.ts";
import { fleetWord, showDetails, supervisorDetails } from "./details.ts";
import { workflowNow } from "./time.ts";
import {
  configureUpdate,
  endLeaseUpdate,
  leaseUpdate,
  overrideUpdate,
  releaseUpdate,
  renewUpdate,
  setBoundsUpdate,
  standDownUpdate,
  statusQuery,
  type SupervisorInput,
} from "./messages.ts";
import type { ControlSinks, FleetActivities, SampleAnswer } from "./activities.ts";

/** A first look lasts at most this long, in ms. */
const FIRST_LOOK_MS = 1_000;
/** So many samples that change nothing are taken in before the supervisor hears of them. */
const SAMPLES_A_LOOK = 30;
/** The longest look, in ms. */
const LONGEST_LOOK_MS = 300_000;

const { supervisor: told } = proxySinks<ControlSinks>();

/**
 * The supervisor of one pipeline; runs until it is ended from outside.
 *
 * @param input The pipeline and the state to go on from.
 */
export async function supervisor(input: SupervisorInput): Promise<void> {
  let state = input.state ?? NO_LEASE;
  let fleet: FleetState = input.fleet ?? NO_FLEET;
  let changed = false;
  let shown = "";
  const change = (next: FleetState): FleetState => {
    changed = true;
    return fleet = next;
  };
  const taskQueue = controlQueue(input.pipeline);
  const { sampleFleet } = proxyActivities<FleetActivities>({
    taskQueue,
    startToCloseTimeout: 2 * LONGEST_LOOK_MS,
    // Whose control process has died, the next one fails.
    heartbeatTimeout: "150s",
    cancellationType: "TRY_CANCEL",
    retry: { initialInterval: 500, maximumInterval: "5s" },
    summary: "look at the load",
  });
  const { scaleFleet } = proxyActivities<FleetActivities>({
    taskQueue,
    startToCloseTimeout: "10s",
    retry: { initialInterval: 100, maximumInterval: "2s" },
    summary: "scale",
  });
  showDetails(() => supervisorDetails(state, fleet));
  setHandler(leaseUpdate, (request) => {
    const decision = decideLease(state, request, workflowNow());
    state = decision.state;
    changed ||= state.lease?.owner.id !== fleet.config?.ownerId;
    return decision.answer;
  });
  setHandler(renewUpdate, (renewal) => {
    const decision = renewLease(state, renewal, workflowNow());
    state = decision.state;
    return decision.answer;
  });
  setHandler(endLeaseUpdate, ({ ownerId }) => {
    state = releaseLease(state, ownerId);
    changed = true;
  });
  setHandler(configureUpdate, (config) => change(configureFleet(fleet, config)), {
    validator({ ownerId }) {
      if (state.lease?.owner.id !== ownerId) refuse("Cannot scale: another process has the lease");
    },
  });
  setHandler(standDownUpdate, ({ ownerId }) => change(standDownFleet(fleet, ownerId)));
  setHandler(setBoundsUpdate, (bounds) => change(setFleetBounds(fleet, bounds)), {
    validator: (bounds) => refuse(refuseBounds(bounds)),
  });
  setHandler(overrideUpdate, ({ workers }) => change(overrideFleet(fleet, workers)), {
    validator: ({ workers }) => refuse(refuseWorkers(fleet, workers)),
  });
  setHandler(releaseUpdate, () => change(overrideFleet(fleet, null)));
  setHandler(statusQuery, () => ({ ...state, fleet }));

  /** Whether the control process that has the lease is ready to scale. */
  const scaling = () => state.lease !== null && state.lease.owner.id === fleet.config?.ownerId;
  const full = () => isLong(input) && allHandlersFinished();
  const show = () => {
    const word = scaling() ? fleetWord(fleet) : "off";
    if (fleet.config?.searchAttributes !== true || word === shown) return;
    shown = word;
    upsertSearchAttributes([{ key: { name: "TidegateFleet", type: "KEYWORD" }, value: word }]);
  };
  for (;;) {
    show();
    told.state({ ...state, fleet });
    if (full()) await continueAsNew<typeof supervisor>({ ...input, state, fleet });
    changed = false;
    if (!scaling()) {
      await condition(() => changed || full());
      continue;
    }
    const answer = await look(sampleFleet, fleet, () => changed);
    if (answer === undefined) continue;
    const step = sampleFleetState(lookedFleet(fleet, answer.looks), answer.sample, answer.slots);
    fleet = step.state;
    show();
    const { desired } = fleet.policy;
    if (answer.slots.desired !== desired || step.replace.length > 0) {
      await scaleFleet({ desired, replace: step.replace });
    }
  }
}

/** Looks at the load until there is something to decide; a message ends the look. */
async function look(
  sampleFleet: FleetActivities["sampleFleet"],
  fleet: FleetState,
  over: () => boolean,
): Promise<SampleAnswer | undefined> {
  const { policy, progress, last } = fleet;
  const withinMs = last === null
    ? FIRST_LOOK_MS
    : Math.min(LONGEST_LOOK_MS, SAMPLES_A_LOOK * last.sampleWithinMs);
  const looks = { policy, progress, everyMs: last?.sampleWithinMs ?? FIRST_LOOK_MS };
  const scope = new CancellationScope();
  const looking = scope.run(() =>
    sampleFleet({ looks, settings: fleetSettings(fleet), last, withinMs })
  );
  try {
    return await scope.run(() => Promise.race([looking, condition(over)])) ?? undefined;
  } finally {
    scope.cancel();
    await looking.catch((error) => {
      if (!isCancellation(error)) throw error;
    });
  }
}

function refuse(problem: string | null): void {
  if (problem !== null) throw ApplicationFailure.nonRetryable(problem, "TG_USAGE");
}
