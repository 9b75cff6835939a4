package commands

import (
	"fmt"
	"os"

	"zkctl/inject/drill"
	"zkctl/inject/report"
)

// writeReport writes the page of a drill, if a file is given for it.
func writeReport(file string, r *drill.Result, again []string) error {
	if file == "" {
		return nil
	}
	f, err := os.Create(file)
	if err != nil {
		return fmt.Errorf("--report: %w", err)
	}
	defer f.Close()
	if err := report.Write(f, r, again); err != nil {
		return fmt.Errorf("--report %s: %w", file, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("--report %s: %w", file, err)
	}
	return nil
}
