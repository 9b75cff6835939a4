//go:build unix && !linux

package localcluster

// processState is not known without /proc: 0.
func processState(int) byte { return 0 }

// processesOf is not known without /proc.
func processesOf(Folder) (supervisor int, members []int) { return 0, nil }
