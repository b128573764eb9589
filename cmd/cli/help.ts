import type { Argv } from "yargs";

/** What a help text says beside the options. */
export interface Help {
  readonly usage: string;
  /** Sentences: they are printed as one paragraph, in lines as long as the terminal's. */
  readonly about: readonly string[];
  /** What each is for, and the command. */
  readonly examples: readonly (readonly [purpose: string, command: string])[];
  readonly exits: string;
}

export const mainHelp: Help = {
  usage: "hawser <command>",
  about: [
    "A CNI meta-plugin: moors a pod to several networks at once.",
    "Container runtimes call it with CNI_COMMAND set; these commands are for people.",
  ],
  examples: [
    ["what a pod that asks for the network storage would get", explainExample("--annotations storage")],
    ["what this node holds", "hawser attachments"],
    ["what is wrong on this node, and what to do about it", "hawser doctor"],
  ],
  exits: "0 all is well, 1 something is wrong, 2 the command was used wrongly",
};

export const explainHelp: Help = {
  usage: "hawser explain --config FILE [--annotations TEXT | --pod FILE]",
  about: [
    "Shows the plan of an ADD: which networks in which order under which interface names,",
    "where each is defined, what each delegate is sent and which verbs it is asked.",
    "Nothing is run and nothing is written. Away from the node, what lies beside the configuration stands in",
    "for folders that are not there: definitions in net.d/<namespace>/, networks in its own folder.",
  ],
  examples: [
    ["two networks in the short form", explainExample("--annotations 'storage, blue/data@net7'")],
    ["one in the JSON form", explainExample(`--annotations '[{"name": "storage"}]'`)],
    ["a pod's manifest, for machines", explainExample("--pod pod.yaml --json")],
    ["with definitions that are elsewhere", explainExample("--pod pod.yaml --definitions net.d")],
  ],
  exits: "0 an ADD could be planned, 1 it would be refused, 2 the command was used wrongly",
};

export const attachmentsHelp: Help = {
  usage: "hawser attachments [--wait DURATION] [--state-dir DIR]",
  about: [
    "Lists the recorded attachments: pod, container, interfaces with their addresses,",
    "state and since when. Changes nothing. With --wait it returns when nothing is attached any more, as",
    "before hawser is taken off a node.",
  ],
  examples: [
    ["a table", "hawser attachments"],
    ["for machines", "hawser attachments --json"],
    ["until the node is drained", "hawser attachments --wait 10m"],
    ["everything that is recorded of one container", "hawser attachments show 3f2a"],
  ],
  exits: "0 all records are sound (--wait: none is left), 1 one is not, 2 the command was used wrongly",
};

export const showHelp: Help = {
  usage: "hawser attachments show CONTAINER [--state-dir DIR]",
  about: ["Prints a container's records: delegate configurations, results, phase."],
  examples: [["the container whose ID begins with 3f2a", "hawser attachments show 3f2a"]],
  exits: "0 printed, 1 no such container, or its record cannot be used, 2 the command was used wrongly",
};

export const doctorHelp: Help = {
  usage: "hawser doctor [--config FILE | --conf-dir DIR]",
  about: [
    "Checks configuration, network definitions, plugin executables, capabilities, folders and rights,",
    "records and locks, and says what to do about each finding. Changes nothing.",
  ],
  examples: [
    ["this node, as the runtime finds it", "sudo hawser doctor"],
    [
      "whether an installation is complete, as the DaemonSet's probe asks",
      "hawser doctor --ready --root /host",
    ],
    [
      "one file, with plugins elsewhere",
      "hawser doctor --config 10-hawser.conflist --plugin-dir build/plugins",
    ],
    ["what of a cluster would be refused", "hawser doctor --cluster-definitions definitions.json"],
  ],
  exits: "0 no problem (there may be warnings), 1 a problem, 2 the command was used wrongly",
};

function explainExample(rest: string): string {
  return `hawser explain --config 10-hawser.conflist ${rest}`;
}

/** The command with its help text; the version is the program's to tell. */
export function described<T>(command: Argv<T>, help: Help): Argv<T> {
  return command.usage(headOf(help)).epilogue(footOf(help)).version(false);
}

function headOf({ usage, about }: Help): string {
  return `${usage}\n\n${about.join(" ")}`;
}

function footOf({ examples, exits }: Help): string {
  const lines = examples.flatMap(([purpose, command]) => [`  # ${purpose}`, `  ${command}`]);
  return ["Examples:", ...lines, "", `Exit status: ${exits}.`].join("\n");
}
