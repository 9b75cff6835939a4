// Command zkctl sizes, runs, probes and breaks ZooKeeper ensembles.
// Everything it does is in package commands and the packages below it.
package main

import (
	"context"
	"os"

	"zkctl/commands"
)

func main() {
	os.Exit(commands.Run(context.Background(), os.Args[1:], commands.Stdio(), os.Getenv))
}
