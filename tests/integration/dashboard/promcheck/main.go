// Reads Prometheus's text format from standard input with Prometheus's own parser, and prints what
// it found as JSON: the families with their types and samples, and what the linter of names and
// units complains of.
package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

type family struct {
	Type    string `json:"type"`
	Help    string `json:"help"`
	Samples int    `json:"samples"`
}

type answer struct {
	Families map[string]family `json:"families"`
	Problems []string          `json:"problems"`
}

func check(text []byte) (answer, error) {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	found, err := parser.TextToMetricFamilies(bytes.NewReader(text))
	if err != nil {
		return answer{}, err
	}
	result := answer{Families: map[string]family{}, Problems: []string{}}
	for name, one := range found {
		result.Families[name] = family{one.GetType().String(), one.GetHelp(), len(one.GetMetric())}
	}
	problems, err := promlint.New(bytes.NewReader(text)).Lint()
	if err != nil {
		return answer{}, err
	}
	for _, problem := range problems {
		result.Problems = append(result.Problems, problem.Metric+": "+problem.Text)
	}
	return result, nil
}

func main() {
	text, err := io.ReadAll(os.Stdin)
	if err == nil {
		var result answer
		if result, err = check(text); err == nil {
			err = json.NewEncoder(os.Stdout).Encode(result)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
