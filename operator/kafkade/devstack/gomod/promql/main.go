// Reads PromQL expressions, one a line, and ends with 1 when one does not parse, naming it.
package main

import (
	"bufio"
	"fmt"
	"os"

	"github.com/prometheus/prometheus/promql/parser"
)

func main() {
	promql := parser.NewParser(parser.Options{})
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		if _, err := promql.ParseExpr(lines.Text()); err != nil {
			fmt.Fprintf(os.Stderr, "line %d: %s: %v\n", number, lines.Text(), err)
			os.Exit(1)
		}
	}
}
