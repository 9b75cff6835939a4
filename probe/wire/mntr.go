package wire

import (
	"fmt"
	"strings"
)

// ParseMntr reads the answer to mntr: lines of key, tab, value. Keys keep their zk_
// and values their spelling, as both differ between versions. The version and the
// server's state are always there. Errors are those of ParseSrvr.
//
// The last lines differ between versions, so an answer that is cut off between two late
// lines looks whole; srvr is more reliable.
func ParseMntr(text []byte) (map[string]string, error) {
	if err := CheckFourLetter(text); err != nil {
		return nil, err
	}
	values := make(map[string]string)
	for line := range strings.Lines(string(text)) {
		if !strings.HasSuffix(line, "\n") {
			return nil, incomplete(text, "zk_version\t", "the end of its last line")
		}
		key, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), "\t")
		if !ok || !strings.HasPrefix(key, "zk_") {
			return nil, fmt.Errorf("%w: line %.60q", ErrGarbage, line)
		}
		values[key] = value
	}
	for _, key := range []string{"zk_version", "zk_server_state"} {
		if values[key] == "" {
			return nil, incomplete(text, "zk_version\t", key)
		}
	}
	return values, nil
}
