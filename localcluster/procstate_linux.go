package localcluster

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// processState is the kernel's letter for what a process is doing, such as 'S' for asleep, 'T' for stopped
// by a signal and 'Z' for dead; 0 when there is no such process.
func processState(pid int) byte {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	// The state follows the program's name, which is in parentheses and may itself contain some.
	end := bytes.LastIndexByte(text, ')')
	if err != nil || end < 0 || end+2 >= len(text) {
		return 0
	}
	return text[end+2]
}

// processesOf lists the processes that run an ensemble, by their command lines: the supervisor, and the
// members of either engine. It finds them also when the lock and the socket have been removed.
func processesOf(folder Folder) (supervisor int, members []int) {
	found, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return 0, nil
	}
	configs := filepath.Join(string(folder), "members") + "/"
	for _, path := range found {
		text, err := os.ReadFile(path)
		words := strings.Split(strings.TrimSuffix(string(text), "\x00"), "\x00")
		if err != nil || len(words) < 3 {
			continue
		}
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err != nil || processState(pid) == 'Z' {
			continue
		}
		last := words[len(words)-1]
		serves := words[1] == "serve" || slices.Contains(words, apacheMain)
		switch {
		case words[1] == SuperviseCommand && words[2] == string(folder):
			supervisor = pid
		case serves && strings.HasPrefix(last, configs) && strings.HasSuffix(last, "/zoo.cfg"):
			members = append(members, pid)
		}
	}
	return supervisor, members
}
