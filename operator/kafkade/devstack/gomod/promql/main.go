// Reads PromQL expressions, one a line, and says of each what it asks for: a line of JSON with the metrics, each with the
// labels that its series must have. Ends with 1 when an expression does not parse, naming it.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"

	"github.com/prometheus/prometheus/promql/parser"
)

// Selector is a metric that an expression asks for, and the labels that it selects, groups or matches it by.
type Selector struct {
	Metric string   `json:"metric"`
	Labels []string `json:"labels"`
}

func main() {
	promql := parser.NewParser(parser.Options{})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	answers := json.NewEncoder(os.Stdout)
	for number := 1; lines.Scan(); number++ {
		expression, err := promql.ParseExpr(lines.Text())
		if err == nil {
			err = answers.Encode(selectors(expression))
		}
		if err != nil {
			fmt.Fprintf(os.Stderr, "line %d: %s: %v\n", number, lines.Text(), err)
			os.Exit(1)
		}
	}
}

func selectors(expression parser.Expr) []Selector {
	found := []Selector{}
	parser.Inspect(expression, func(node parser.Node, path []parser.Node) error {
		selector, ok := node.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		labels := []string{}
		for _, matcher := range selector.LabelMatchers {
			if matcher.Name != "__name__" {
				labels = append(labels, matcher.Name)
			}
		}
		for _, above := range path {
			switch above := above.(type) {
			case *parser.AggregateExpr:
				if !above.Without {
					labels = append(labels, above.Grouping...)
				}
			case *parser.BinaryExpr:
				if above.VectorMatching != nil && above.VectorMatching.On {
					labels = append(labels, above.VectorMatching.MatchingLabels...)
				}
			}
		}
		slices.Sort(labels)
		found = append(found, Selector{selector.Name, slices.Compact(labels)})
		return nil
	})
	return found
}
