// What live tests import from vitest. In the virtual machine Bun runs them, whose tests are otherwise the same. The machine
// has everything that a test may lack elsewhere, so a test that would skip itself fails.
import { beforeEach as beforeEachOfBun } from "bun:test";

export { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";

const context = {
  skip: (reason) => {
    throw new Error(`skipped: ${reason}`);
  },
};

export function beforeEach(action) {
  beforeEachOfBun(() => action(context));
}
