/** The API server of tests on a machine in memory: its URL, and a kubeconfig that names it. */
export const apiServer = "https://api:6443";

export const kubeconfigOfTests = {
  "current-context": "n",
  contexts: [{ name: "n", context: { cluster: "n" } }],
  clusters: [{ name: "n", cluster: { server: apiServer } }],
};
