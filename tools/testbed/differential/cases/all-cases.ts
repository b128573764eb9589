import type { PluginCases } from "../differential-case.ts";
import { bridgeCases } from "./bridge-cases.ts";
import { hostDeviceCases, loopbackCases, tapCases } from "./device-cases.ts";
import { macvlanCases } from "./macvlan-cases.ts";
import { ptpCases } from "./ptp-cases.ts";
import { rareCases } from "./rare-cases.ts";
import { sbrCases } from "./sbr-cases.ts";
import { tuningCases } from "./tuning-cases.ts";

export const allCases: readonly PluginCases[] = [
  bridgeCases,
  ptpCases,
  loopbackCases,
  macvlanCases,
  tapCases,
  hostDeviceCases,
  tuningCases,
  sbrCases,
  ...rareCases,
];
