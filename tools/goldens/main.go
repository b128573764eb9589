// Writes what libcni makes of a set of results: each converted from every version of its shape to every other one.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/types/create"
)

var versions = []string{"0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"}

// One hand-written document without its cniVersion.
type source struct {
	Name     string                     `json:"name"`
	Versions []string                   `json:"versions"`
	Document map[string]json.RawMessage `json:"document"`
}

// One document in one version, and what became of it.
type golden struct {
	Name     string                     `json:"name"`
	From     string                     `json:"from"`
	Document map[string]json.RawMessage `json:"document"`
	// Why libcni could not read it; otherwise To is filled.
	Error string             `json:"error,omitempty"`
	To    map[string]printed `json:"to,omitempty"`
}

type printed struct {
	Result json.RawMessage `json:"result,omitempty"`
	Error  string          `json:"error,omitempty"`
}

func main() {
	if len(os.Args) != 3 {
		fatal(fmt.Errorf("usage: goldens <documents.json> <goldens.json>"))
	}
	input, err := os.ReadFile(os.Args[1])
	if err != nil {
		fatal(err)
	}
	var sources []source
	if err := json.Unmarshal(input, &sources); err != nil {
		fatal(fmt.Errorf("%s: %w", os.Args[1], err))
	}
	goldens := []golden{}
	for _, each := range sources {
		for _, version := range each.Versions {
			goldens = append(goldens, convert(each, version))
		}
	}
	if err := write(os.Args[2], goldens); err != nil {
		fatal(err)
	}
}

func convert(from source, version string) golden {
	document := map[string]json.RawMessage{"cniVersion": json.RawMessage(`"` + version + `"`)}
	for key, value := range from.Document {
		document[key] = value
	}
	made := golden{Name: from.Name, From: version, Document: document}
	input, err := json.Marshal(document)
	if err != nil {
		fatal(err)
	}
	if _, err := create.CreateFromBytes(input); err != nil {
		made.Error = err.Error()
		return made
	}
	made.To = map[string]printed{}
	for _, to := range versions {
		made.To[to] = printAs(input, to)
	}
	return made
}

func printAs(input []byte, version string) (made printed) {
	// Some documents that libcni reads without complaint make it panic.
	defer func() {
		if cause := recover(); cause != nil {
			made = printed{Error: fmt.Sprintf("panic: %v", cause)}
		}
	}()
	// Read anew each time: conversions of libcni share slices with what they convert.
	result, err := create.CreateFromBytes(input)
	if err != nil {
		fatal(err)
	}
	converted, err := result.GetAsVersion(version)
	if err != nil {
		return printed{Error: err.Error()}
	}
	var out bytes.Buffer
	if err := converted.PrintTo(&out); err != nil {
		fatal(err)
	}
	return printed{Result: out.Bytes()}
}

// One golden a line, so that a change of one is a change of one line.
func write(path string, goldens []golden) error {
	var out bytes.Buffer
	out.WriteString("[\n")
	for index, each := range goldens {
		line, err := json.Marshal(each)
		if err != nil {
			return err
		}
		out.Write(line)
		if index < len(goldens)-1 {
			out.WriteByte(',')
		}
		out.WriteByte('\n')
	}
	out.WriteString("]\n")
	return os.WriteFile(path, out.Bytes(), 0o644)
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, "goldens:", err)
	os.Exit(1)
}
