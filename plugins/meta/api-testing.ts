/** The API server of tests on a machine in memory: where it is, and the kubeconfig that says so. */
export const apiServer = "https://api:6443";

export const kubeconfigOfTests = {
  "current-context": "n",
  contexts: [{ name: "n", context: { cluster: "n" } }],
  clusters: [{ name: "n", cluster: { server: apiServer } }],
};
