/**
 * Another pipeline, as different from the default as can be: greenhouse sensors that report epoch
 * milliseconds, minutes that overlap and stay open for stragglers, two fields as the key, and a
 * filter that leaves out what an unplugged probe reports.
 *
 * @module
 */

import { z } from "zod";
import { avg, count, definePipeline, hopping, max, min } from "../mod.ts";

/** What a probe reports while nothing is plugged in. */
const UNPLUGGED = -127;

/** The temperatures per house and quantity over a minute, every 20 seconds. */
export default definePipeline({
  name: "sensor_minutes",
  source: { topic: "sensor_readings", partitions: 3, recordKey: "sensor" },
  event: z.object({
    sensor: z.string().regex(/^[a-z]+-\d+$/),
    house: z.int().positive(),
    quantity: z.enum(["air", "soil"]),
    celsius: z.number().min(-130).max(150),
    battery: z.object({ volts: z.number() }).optional(),
    at: z.number(),
  }),
  eventTime: "at",
  watermark: { delay: "15s", idleAfter: "5s", maxAhead: "1m", maxDrift: "30m" },
  window: hopping("1m", "20s"),
  lateness: "30s",
  where: (reading) => reading.celsius !== UNPLUGGED,
  groupBy: ["house", "quantity"],
  aggregates: {
    readings: count(),
    coldest: min("celsius"),
    warmest: max("celsius"),
    mean: avg("celsius"),
  },
  generator(faker, { timeMs }) {
    const house = faker.number.int({ min: 1, max: 6 });
    const quantity = faker.helpers.arrayElement(["air", "soil"] as const);
    const unplugged = faker.datatype.boolean({ probability: 0.01 });
    const celsius = quantity === "air" ? { min: 14, max: 38 } : { min: 12, max: 24 };
    return {
      sensor: `${quantity}-${house * 10 + faker.number.int({ min: 0, max: 3 })}`,
      house,
      quantity,
      celsius: unplugged ? UNPLUGGED : faker.number.float({ ...celsius, fractionDigits: 2 }),
      ...(faker.datatype.boolean({ probability: 0.1 })
        ? { battery: { volts: faker.number.float({ min: 2.4, max: 3.3, fractionDigits: 2 }) } }
        : {}),
      at: timeMs,
    };
  },
});
