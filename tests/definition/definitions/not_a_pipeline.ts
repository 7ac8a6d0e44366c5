/** A plan without anything that reads events. */
export default { plan: { pipeline: "half" }, reader: {} };
