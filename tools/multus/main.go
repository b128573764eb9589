// Writes what Multus does with a set of configurations and pods: each call of a delegate, and the result.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"
	netv1 "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/apis/k8s.cni.cncf.io/v1"
	netfake "github.com/k8snetworkplumbingwg/network-attachment-definition-client/pkg/client/clientset/versioned/fake"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/k8sclient"
	"gopkg.in/k8snetworkplumbingwg/multus-cni.v4/pkg/multus"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
)

// Stands for the folder that a case's files lie in.
const root = "/@"

type document = map[string]any

type networkCase struct {
	Name        string            `json:"name"`
	Config      json.RawMessage   `json:"config"`
	Annotations map[string]string `json:"annotations"`
	// By namespace/name; no configuration is an empty spec.
	Definitions map[string]document `json:"definitions"`
	Files       map[string]document `json:"files"`
}

type call struct {
	Verb   string            `json:"verb"`
	Type   string            `json:"type"`
	Ifname string            `json:"ifname"`
	Args   map[string]string `json:"args"`
	Config document          `json:"config"`
}

type outcome struct {
	Calls  []call `json:"calls"`
	Result any    `json:"result,omitempty"`
	Failed bool   `json:"failed"`
}

type golden struct {
	Name string  `json:"name"`
	Add  outcome `json:"add"`
	// The pod's annotation after the ADD.
	Status json.RawMessage `json:"status,omitempty"`
	// Nothing where the ADD failed.
	Del *outcome `json:"del,omitempty"`
}

// Plugins that write down each call, and do as their configuration says (answers, fails).
type recorder struct{ calls []call }

func (r *recorder) FindInPath(plugin string, _ []string) (string, error) { return plugin, nil }

func (r *recorder) Decode(bytes []byte) (version.PluginInfo, error) {
	return (&version.PluginDecoder{}).Decode(bytes)
}

func (r *recorder) ExecPlugin(_ context.Context, plugin string, stdin []byte, environ []string) ([]byte, error) {
	env := map[string]string{}
	for _, each := range environ {
		key, value, _ := strings.Cut(each, "=")
		env[key] = value
	}
	verb, ifname := env["CNI_COMMAND"], env["CNI_IFNAME"]
	if verb == "VERSION" {
		return []byte(`{"cniVersion":"1.1.0","supportedVersions":["0.3.1","0.4.0","1.0.0","1.1.0"]}`), nil
	}
	var config document
	if err := json.Unmarshal(stdin, &config); err != nil {
		return nil, err
	}
	r.calls = append(r.calls, call{verb, plugin, ifname, argsIn(env["CNI_ARGS"]), config})
	if config["fails"] == verb {
		return nil, &types.Error{Code: 999, Msg: plugin + " fails"}
	}
	if verb != "ADD" {
		return nil, nil
	}
	answer := document{"interfaces": []document{{"name": ifname, "sandbox": env["CNI_NETNS"]}}}
	if own, ok := config["answers"].(document); ok {
		answer = maps.Clone(own)
	}
	answer["cniVersion"] = config["cniVersion"]
	return json.Marshal(answer)
}

// What a plugin makes of CNI_ARGS: the last of a name counts, and an empty one says nothing.
func argsIn(text string) map[string]string {
	args := map[string]string{}
	for _, piece := range strings.Split(text, ";") {
		if key, value, found := strings.Cut(piece, "="); found && value != "" && key != "IgnoreUnknown" {
			args[key] = value
		}
	}
	return args
}

func main() {
	if len(os.Args) != 3 {
		fatal(fmt.Errorf("usage: unshare --net go run . <cases.json> <goldens.json>"))
	}
	input, err := os.ReadFile(os.Args[1])
	if err != nil {
		fatal(err)
	}
	var cases []networkCase
	if err := json.Unmarshal(input, &cases); err != nil {
		fatal(err)
	}
	goldens := []golden{}
	for _, each := range cases {
		made, err := run(each)
		if err != nil {
			fatal(fmt.Errorf("%s: %w", each.Name, err))
		}
		goldens = append(goldens, made)
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", " ")
	if err := encoder.Encode(goldens); err != nil {
		fatal(err)
	}
	if err := os.WriteFile(os.Args[2], text.Bytes(), 0o644); err != nil {
		fatal(err)
	}
}

func run(each networkCase) (golden, error) {
	folder, err := os.MkdirTemp("", "multus-case-")
	if err != nil {
		return golden{}, err
	}
	defer os.RemoveAll(folder)
	for path, content := range each.Files {
		if err := writeFile(strings.Replace(path, root, folder, 1), content); err != nil {
			return golden{}, err
		}
	}
	client, err := clientOf(each)
	if err != nil {
		return golden{}, err
	}
	args := &skel.CmdArgs{
		ContainerID: "pod1",
		Netns:       "/proc/self/ns/net",
		IfName:      "eth0",
		Args:        "IgnoreUnknown=1;K8S_POD_NAMESPACE=shop;K8S_POD_NAME=web;K8S_POD_UID=u1",
		StdinData:   []byte(strings.ReplaceAll(string(each.Config), root, folder)),
	}
	os.Setenv("CNI_ARGS", args.Args)
	os.Setenv("CNI_PATH", "/bin/cni")
	add := &recorder{calls: []call{}}
	result, err := multus.CmdAdd(args, add, client)
	made := golden{Name: each.Name, Add: outcome{Calls: add.calls, Failed: err != nil}}
	if err != nil {
		return made, nil
	}
	made.Add.Result = result
	pod, err := client.GetPod("shop", "web")
	if err != nil {
		return golden{}, err
	}
	made.Status = json.RawMessage(pod.Annotations[netv1.NetworkStatusAnnot])
	del := &recorder{calls: []call{}}
	err = multus.CmdDel(args, del, client)
	made.Del = &outcome{Calls: del.calls, Failed: err != nil}
	return made, nil
}

func clientOf(each networkCase) (*k8sclient.ClientInfo, error) {
	client := &k8sclient.ClientInfo{Client: fake.NewSimpleClientset(), NetClient: netfake.NewSimpleClientset()}
	meta := metav1.ObjectMeta{Namespace: "shop", Name: "web", UID: "u1", Annotations: each.Annotations}
	if _, err := client.AddPod(&corev1.Pod{ObjectMeta: meta}); err != nil {
		return nil, err
	}
	for key, config := range each.Definitions {
		namespace, name, _ := strings.Cut(key, "/")
		definition := netv1.NetworkAttachmentDefinition{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
		if len(config) > 0 {
			text, err := json.Marshal(config)
			if err != nil {
				return nil, err
			}
			definition.Spec.Config = string(text)
		}
		if _, err := client.AddNetAttachDef(&definition); err != nil {
			return nil, err
		}
	}
	return client, nil
}

func writeFile(path string, content document) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	return os.WriteFile(path, text, 0o644)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}
