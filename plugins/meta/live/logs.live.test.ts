import { expect, test } from "vitest";
import { useBed } from "../../../tools/testbed/bed.ts";
import { answerOf, call, errorOf } from "../../../tools/testbed/call.ts";
import { suite } from "../../../tools/testbed/executables.ts";
import { annotated, define, hawser } from "../../../tools/testbed/networks.ts";
import { addPlugin, someResult, wellBehaved } from "../../../tools/testbed/script-plugin.ts";

/**
 * Texts of a tenant or of a delegate in the two places that show them: the log (stderr), and the error that becomes an event.
 */

/** Characters that a terminal obeys or that reorder text. A log needs none of them. */
const harmful = /[^\P{Cc}\n]|[\p{Cf}\u2028\u2029]/u;

suite("texts of others", [], (executable) => {
  const bed = useBed({ node: false });

  test("the resource that a definition names is one harmless line of the log", async () => {
    addPlugin(bed(), "main");
    addPlugin(bed(), "side");
    const resource = "x.io/\u001b]0;owned\u0007\nhawser: all is well\u202e";
    define(bed(), "blue", {
      apiVersion: "k8s.cni.cncf.io/v1",
      kind: "NetworkAttachmentDefinition",
      metadata: { name: "blue", annotations: { "k8s.v1.cni.cncf.io/resourceName": resource } },
      spec: { config: JSON.stringify({ cniVersion: "1.1.0", name: "blue", type: "side" }) },
    });
    const config = annotated(hawser(bed(), { delegate: { type: "main" } }), "blue");
    const { stderr, stdout } = await call(bed(), executable, { verb: "ADD", config });
    expect(stderr + stdout).toContain("owned");
    expect(stderr).not.toMatch(harmful);
    expect(stderr).not.toMatch(/^hawser: all is well/m);
    expect(stdout.trimEnd()).not.toMatch(harmful);
  });

  test("a delegate's stderr arrives line by line, without what a terminal obeys", async () => {
    const noise = String.raw`printf 'one\033[2J\ttwo\r\nthree\342\200\256\302\233\n' >&2`;
    const { ADD = [], ...others } = wellBehaved(someResult());
    addPlugin(bed(), "main", { ...others, ADD: [noise, ...ADD] });
    const config = hawser(bed(), { delegate: { type: "main" } });
    const ended = await call(bed(), executable, { verb: "ADD", config });
    answerOf(ended);
    expect(ended.stderr).toBe("one\\u001b[2J two\nthree\\u202e\\u009b\n");
  });

  test("a delegate's stderr is bounded, by lines and by bytes", async () => {
    const { ADD = [], ...others } = wellBehaved(someResult());
    addPlugin(bed(), "main", { ...others, ADD: ["yes '' | head -5000 >&2; echo end >&2", ...ADD] });
    const config = hawser(bed(), { delegate: { type: "main" } });
    const ended = await call(bed(), executable, { verb: "ADD", config });
    answerOf(ended);
    expect(ended.stderr.split("\n").length).toBeLessThan(1100);
    expect(ended.stderr).toContain("(cut by hawser)");
  });

  test("a delegate that repeats the secret of its configuration is not repeated", async () => {
    const text = `printf '{"cniVersion":"1.1.0","code":999,"msg":"no: hunter22","details":"%s"}' "$(echo hunter22 | base64)"`;
    addPlugin(bed(), "main", { ADD: ["echo password is hunter22 >&2", text, "exit 1"], DEL: [] });
    const config = hawser(bed(), { delegate: { type: "main", ipam: { etcd_password: "hunter22" } } });
    const { stdout, stderr } = await call(bed(), executable, { verb: "ADD", config });
    expect(stdout).toContain("no: (secret)");
    expect(stderr).toContain("password is (secret)");
    expect(stdout + stderr).not.toMatch(/hunter22|aHVudGVyMj/);
  });

  test("a delegate's msg and details are harmless, and as long as a person reads", async () => {
    const long = "head -c 3000000 /dev/zero | tr '\\0' x";
    const text = String.raw`printf '{"cniVersion":"1.1.0","code":999,"msg":"bad\\u001b[31m\\nhawser: well","details":"\\u202e\\u0085'`;
    addPlugin(bed(), "main", { ADD: [text, long, `printf '"}'`, "exit 1"], DEL: [] });
    const config = hawser(bed(), { delegate: { type: "main" } });
    const ended = await call(bed(), executable, { verb: "ADD", config });
    const error = errorOf(ended);
    expect(error).toMatchObject({ code: 999, msg: expect.stringContaining("bad\\u001b[31m\\nhawser: well") });
    expect(String(error.details)).toContain("\\u202e\\u0085xxx");
    expect(ended.stdout.length).toBeLessThan(40_000);
    expect(ended.stdout.trimEnd()).not.toMatch(harmful);
  });
});
