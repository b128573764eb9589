// Writes what kubectl reads of texts in YAML: its own reader (k8s.io/apimachinery), document by document.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
)

type entry struct {
	Name string `json:"name"`
	Text string `json:"text"`
}

type golden struct {
	entry
	Documents []json.RawMessage `json:"documents,omitempty"`
	Error     string            `json:"error,omitempty"`
}

// read does what kubectl does with a file (cli-runtime, StreamVisitor).
func read(text string) (documents []json.RawMessage, err error) {
	decoder := yaml.NewYAMLOrJSONDecoder(strings.NewReader(text), 4096)
	for {
		var each runtime.RawExtension
		if err := decoder.Decode(&each); errors.Is(err, io.EOF) {
			return documents, nil
		} else if err != nil {
			return nil, err
		}
		raw := bytes.TrimSpace(each.Raw)
		if len(raw) == 0 || bytes.Equal(raw, []byte("null")) {
			continue
		}
		documents = append(documents, append(json.RawMessage{}, raw...))
	}
}

func run(from, to string) error {
	text, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	var entries []entry
	if err := json.Unmarshal(text, &entries); err != nil {
		return err
	}
	var out bytes.Buffer
	out.WriteString("[")
	for index, each := range entries {
		documents, err := read(each.Text)
		made := golden{entry: each, Documents: documents}
		if err != nil {
			made.Error = err.Error()
		}
		var line bytes.Buffer
		encoder := json.NewEncoder(&line)
		encoder.SetEscapeHTML(false)
		if err := encoder.Encode(made); err != nil {
			return fmt.Errorf("%s: %w", each.Name, err)
		}
		if index > 0 {
			out.WriteString(",")
		}
		out.WriteString("\n" + strings.TrimSpace(line.String()))
	}
	out.WriteString("\n]\n")
	return os.WriteFile(to, out.Bytes(), 0o644)
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run . TEXTS GOLDENS")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
