import assert from "node:assert/strict";
import { Heap } from "../../../core/flow/heap.ts";
import { Random } from "../../flow_model/random.ts";

interface Item {
  readonly name: number;
  rank: number;
}

Deno.test("a heap gives its items in order, whatever is added, moved and taken out", () => {
  for (let seed = 0; seed < 40; seed++) {
    const random = new Random(seed);
    const compare = (a: Item, b: Item) => a.rank - b.rank || a.name - b.name;
    const heap = new Heap<Item>(compare);
    const items = Array.from({ length: 30 }, (_, name) => ({ name, rank: 0 }));
    const inside = new Set<Item>();
    for (let step = 0; step < 300; step++) {
      const item = items[random.int(0, items.length - 1)];
      assert.ok(item !== undefined);
      if (random.chance(0.6)) {
        item.rank = random.int(0, 20);
        heap.add(item);
        inside.add(item);
      } else {
        heap.delete(item);
        inside.delete(item);
      }
      assert.equal(heap.first, [...inside].sort(compare)[0]);
    }
    const order: Item[] = [];
    for (let first = heap.first; first !== undefined; first = heap.first) {
      order.push(first);
      heap.delete(first);
    }
    assert.deepEqual(order, [...inside].sort(compare));
  }
});
